"""Second factors: set up, used once, lost and removed; and roles that ask for one."""

from pathlib import Path
from typing import Any

import pytest

from tests.apps import App, app
from tests.cast import PASSWORD, Site, site
from vrabec.config.files import BUILT_IN_ROLES
from vrabec.lib.clock import now
from vrabec.lib.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SecondFactor,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from vrabec.models.audit import Audit
from vrabec.models.factors import Authenticator, Passkey, RecoveryCode
from vrabec.models.grants import Grant
from vrabec.models.roles import ADMINISTRATOR, BUILT_IN
from vrabec.models.sessions import Session
from vrabec.services import people, roles, second_factors
from vrabec.services.people import actor_of, make_sign_in_link, use_sign_in_link
from vrabec.services.second_step import MAX_CODES, MAX_FROM_ANYWHERE, require_code, take_code
from vrabec.services.sessions import SEE_AFTER

__all__ = ["app", "site"]
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def test_an_app_counts_once_it_has_shown_a_code(site: Site, app: App) -> None:
    second_factors.begin_app(site.owner.actor)
    site.owner.user.refresh_from_db()
    assert site.owner.user.second_factor_since is None
    with pytest.raises(Invalid, match="not the code of now"):
        second_factors.confirm_app(site.owner.actor, code=app.wrong(site.owner.user))
    codes = app.set_up(site.owner)
    assert len(set(codes)) == 10
    lines = Audit.objects.filter(action__startswith="factor.", actor="olga").order_by("pk")
    assert [line.action for line in lines] == ["factor.add", "factor.codes"]
    assert site.owner.user.second_factor_since is not None
    found = second_factors.factors_of(site.owner.actor)
    assert (found.app_since is not None, found.codes_left, found.are_none) == (True, 10, False)
    with pytest.raises(NotFound):
        second_factors.seed_to_scan(site.owner.actor)
    with pytest.raises(Conflict, match="Remove it first"):
        second_factors.begin_app(site.owner.actor)


def test_nothing_stored_gives_a_code(site: Site, app: App) -> None:
    second_factors.begin_app(site.owner.actor)
    seed = second_factors.seed_to_scan(site.owner.actor)
    codes = second_factors.confirm_app(site.owner.actor, code=app.code(site.owner.user))
    stored = str([list(model.objects.values()) for model in (Authenticator, RecoveryCode, Audit)])
    assert seed not in stored
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_a_code_of_the_app_is_taken_once(site: Site, app: App) -> None:
    app.set_up(site.owner)
    code = app.code(site.owner.user)
    take_code(site.owner.user, f" {code[:3]} {code[3:]} ", HERE)
    with pytest.raises(Unauthenticated, match="used already"):
        take_code(site.owner.user, code, HERE)
    app.step += 1
    take_code(site.owner.user, app.code(site.owner.user), HERE)


def test_the_code_that_set_the_app_up_signs_nobody_in(site: Site, app: App) -> None:
    app.set_up(site.owner)
    with pytest.raises(Unauthenticated):
        take_code(site.owner.user, app.code(site.owner.user, off=-1), HERE)


@pytest.mark.parametrize(("off", "is_taken"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_that_is_one_step_off_is_no_hindrance(site: Site, app: App, off: int, is_taken: bool) -> None:
    app.set_up(site.owner)
    app.step += 5
    code = app.code(site.owner.user, off=off)
    if is_taken:
        take_code(site.owner.user, code, HERE)
        return
    with pytest.raises(Unauthenticated):
        take_code(site.owner.user, code, HERE)


def test_a_fast_clock_s_code_ends_those_before_it(site: Site, app: App) -> None:
    app.set_up(site.owner)
    app.step += 5
    take_code(site.owner.user, app.code(site.owner.user, off=1), HERE)
    with pytest.raises(Unauthenticated):
        take_code(site.owner.user, app.code(site.owner.user), HERE)


def test_a_recovery_code_works_once_and_for_its_person_alone(site: Site, app: App) -> None:
    codes = app.set_up(site.owner)
    app.set_up(site.viewer)
    with pytest.raises(Unauthenticated):
        take_code(site.viewer.user, codes[0], HERE)
    take_code(site.owner.user, codes[0].upper().replace("-", " "), HERE)
    with pytest.raises(Unauthenticated, match="used already"):
        take_code(site.owner.user, codes[0], HERE)
    assert second_factors.factors_of(site.owner.actor).codes_left == 9
    assert Audit.objects.filter(action="session.begin").latest("pk").detail == {"by": "recovery code"}


def test_new_recovery_codes_end_the_old_ones(site: Site, app: App) -> None:
    old = app.set_up(site.owner)
    with pytest.raises(Invalid, match="present password"):
        second_factors.renew_codes(site.owner.actor, typed="wrong")
    new = second_factors.renew_codes(site.owner.actor, typed=PASSWORD)
    with pytest.raises(Unauthenticated):
        take_code(site.owner.user, old[0], HERE)
    take_code(site.owner.user, new[0], HERE)
    with pytest.raises(Conflict, match="Set up an app"):
        second_factors.renew_codes(site.viewer.actor, typed=PASSWORD)


def test_a_handful_of_wrong_codes_make_wait_there_alone(site: Site, app: App) -> None:
    app.set_up(site.owner)
    for _ in range(MAX_CODES):
        with pytest.raises(Unauthenticated):
            take_code(site.owner.user, app.wrong(site.owner.user), ELSEWHERE)
    with pytest.raises(TooMany, match="Wait"):
        take_code(site.owner.user, app.code(site.owner.user), ELSEWHERE)
    take_code(site.owner.user, app.code(site.owner.user), HERE)
    assert {line.detail["by"] for line in Audit.objects.filter(action="session.refuse")} == {"code"}


def test_guessing_from_many_addresses_ends_and_locks_nobody_out(site: Site, app: App) -> None:
    codes = app.set_up(site.owner)
    Session.objects.create(
        digest="x",
        user=site.owner.user,
        address=HERE,
        created_at=now(),
        seen_at=now(),
        expires_at=app.now() + SEE_AFTER,
    )
    for number in range(MAX_FROM_ANYWHERE):
        with pytest.raises(Unauthenticated):
            take_code(site.owner.user, app.wrong(site.owner.user), f"198.51.100.{number}")
    with pytest.raises(TooMany, match="recovery code or a passkey"):
        take_code(site.owner.user, app.code(site.owner.user), "203.0.113.5")
    take_code(site.owner.user, codes[0], "203.0.113.5")
    take_code(site.owner.user, app.code(site.owner.user), HERE)


def test_the_first_factor_ends_sessions_that_had_none(site: Site, app: App) -> None:
    columns = {"user": site.owner.user, "created_at": now(), "seen_at": now(), "expires_at": now()}
    this, _ = (Session.objects.create(digest=name, **columns) for name in ("this", "that"))
    second_factors.begin_app(site.owner.actor)
    code = app.code(site.owner.user)
    second_factors.confirm_app(site.owner.actor, code=code, session=this.pk)
    assert Session.objects.get() == this


def test_one_removes_one_s_own_with_the_password(site: Site, app: App) -> None:
    app.set_up(site.owner)
    with pytest.raises(Invalid, match="present password"):
        second_factors.remove_own(site.owner.actor, typed="wrong")
    with pytest.raises(NotFound):
        second_factors.remove_own(site.owner.actor, typed=PASSWORD, passkey_id=1)
    second_factors.remove_own(site.owner.actor, typed=PASSWORD)
    site.owner.user.refresh_from_db()
    assert site.owner.user.second_factor_since is None
    assert not RecoveryCode.objects.exists()


def test_recovery_codes_stay_as_long_as_there_is_a_factor(site: Site, app: App) -> None:
    app.set_up(site.owner)
    Passkey.objects.create(user=site.owner.user, name="phone", rp_id="x", digest="d")
    second_factors.remove_own(site.owner.actor, typed=PASSWORD)
    site.owner.user.refresh_from_db()
    assert site.owner.user.second_factor_since is not None
    assert RecoveryCode.objects.count() == 10


def test_an_account_without_a_password_here_gives_a_code(site: Site, app: App) -> None:
    codes = app.set_up(site.owner)
    site.owner.user.set_unusable_password()
    site.owner.user.save()
    with pytest.raises(Unauthenticated):
        second_factors.remove_own(site.owner.actor, typed="wrong")
    second_factors.remove_own(site.owner.actor, typed=codes[0])
    assert second_factors.factors_of(site.owner.actor).are_none


def test_an_administrator_removes_somebody_s_and_not_their_own(site: Site, app: App) -> None:
    app.set_up(site.owner)
    app.set_up(site.administrator)
    with pytest.raises(Forbidden):
        second_factors.remove_factors(site.operator.actor, user=site.owner.user)
    with pytest.raises(Conflict, match="asks for your password"):
        second_factors.remove_factors(site.administrator.actor, user=site.administrator.user)
    second_factors.remove_factors(site.administrator.actor, user=site.owner.user)
    site.owner.user.refresh_from_db()
    assert site.owner.user.second_factor_since is None
    assert not Authenticator.objects.filter(user=site.owner.user).exists()
    assert Audit.objects.get(action="user.factors").subject == "olga"


def test_a_sign_in_link_is_a_first_step_and_the_way_back_is_both(site: Site, app: App) -> None:
    app.set_up(site.owner)
    link = make_sign_in_link(site.owner.user, by=site.administrator.actor)
    assert use_sign_in_link(link).second_factor_since is not None
    way_back = make_sign_in_link(site.owner.user, is_way_back=True)
    assert Authenticator.objects.exists()
    assert use_sign_in_link(way_back).second_factor_since is None
    assert not Authenticator.objects.exists()
    assert Audit.objects.get(action="user.factors").actor == "vrabec"


def test_the_record_tells_the_first_step_from_a_session(site: Site, app: App) -> None:
    app.set_up(site.owner)
    user = people.sign_in("olga", PASSWORD, HERE)
    assert not Audit.objects.filter(action="session.begin").exists()
    take_code(user, app.code(user), HERE)
    lines = Audit.objects.filter(action__startswith="session.").order_by("pk")
    assert [line.action for line in lines] == ["session.first_step", "session.begin"]


def test_a_program_is_told_that_a_code_is_needed(site: Site, app: App) -> None:
    require_code(site.owner.user, "", HERE)
    app.set_up(site.owner)
    with pytest.raises(SecondFactor) as caught:
        require_code(site.owner.user, " ", HERE)
    assert (caught.value.code, caught.value.status) == ("second_factor", 401)
    require_code(site.owner.user, app.code(site.owner.user), HERE)


def test_a_missing_key_refuses_codes_and_says_what_to_do(
    site: Site, app: App, settings: Any, tmp_path: Path
) -> None:
    codes = app.set_up(site.owner)
    code = app.code(site.owner.user)
    settings.VRABEC_SEAL_KEY = tmp_path / "none"
    with pytest.raises(Unavailable, match="Put it back from a backup"):
        take_code(site.owner.user, code, HERE)
    take_code(site.owner.user, codes[0], HERE)


def test_the_setting_names_the_built_in_roles() -> None:
    assert set(BUILT_IN_ROLES) == {ADMINISTRATOR, *BUILT_IN}


def test_a_role_asks_for_a_factor_until_there_is_one(site: Site, app: App, settings: Any) -> None:
    assert not site.administrator.actor.needs_factor
    settings.VRABEC_REQUIRE_SECOND_FACTOR = frozenset({"administrator"})
    assert site.administrator.actor.needs_factor
    assert not site.owner.actor.needs_factor
    app.set_up(site.administrator)
    assert not site.administrator.actor.needs_factor


def test_a_role_of_the_site_s_own_asks_for_a_factor(site: Site) -> None:
    admin = site.administrator.actor
    roles.create_role(admin, name="night-shift", verbs=["vm.view"])
    Grant.objects.create(user=site.viewer.user, project=site.project, role="night-shift")
    assert not actor_of(site.viewer.user).needs_factor
    with pytest.raises(Forbidden):
        roles.set_role_factor(site.owner.actor, name="night-shift", is_needed=True)
    assert roles.set_role_factor(admin, name="night-shift", is_needed=True).needs_second_factor
    assert actor_of(site.viewer.user).needs_factor
    with pytest.raises(Conflict, match="built in"):
        roles.set_role_factor(admin, name="viewer", is_needed=True)
