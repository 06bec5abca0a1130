"""Signing in, links, passwords and tokens."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password

from tests.cast import PASSWORD, Site, site
from vrabec.config.settings import PASSWORD_HASHERS as HASHERS
from vrabec.lib import clock
from vrabec.lib.errors import Invalid, NotFound, TooMany, Unauthenticated
from vrabec.models.audit import Audit
from vrabec.models.users import Token, User
from vrabec.services import people, tokens
from vrabec.services.failures import MAX_FAILURES

__all__ = ["site"]


@pytest.fixture(autouse=True)
def _no_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_FAILURES", people.Failures())


def test_the_right_password_signs_in_and_is_recorded(site: Site) -> None:
    assert people.sign_in("olga", PASSWORD, "127.0.0.9") == site.owner.user
    assert Audit.objects.get(action="session.begin").address == "127.0.0.9"


@pytest.mark.parametrize(
    ("name", "password"), [("olga", "wrong"), ("nobody", PASSWORD), ("", ""), ("o" * 999, "x")]
)
def test_a_wrong_name_or_password_says_the_same(site: Site, name: str, password: str) -> None:
    with pytest.raises(Unauthenticated, match="The name or the password is wrong"):
        people.sign_in(name, password)


def test_a_person_who_was_switched_off_does_not_come_in(site: Site) -> None:
    User.objects.filter(username="olga").update(is_active=False)
    with pytest.raises(Unauthenticated):
        people.sign_in("olga", PASSWORD)
    with pytest.raises(Unauthenticated):
        tokens.actor_of_token(site.owner.secret)


def test_ten_failures_close_the_door_for_that_name_and_address_only(site: Site) -> None:
    for _ in range(MAX_FAILURES):
        with pytest.raises(Unauthenticated):
            people.sign_in("olga", "wrong", "127.0.0.2")
    with pytest.raises(TooMany, match="Wait"):
        people.sign_in("olga", PASSWORD, "127.0.0.2")
    assert people.sign_in("olga", PASSWORD, "127.0.0.3") == site.owner.user


def test_a_link_signs_in_once_and_asks_for_a_password(site: Site) -> None:
    secret = people.make_sign_in_link(site.owner.user)
    user = people.use_sign_in_link(secret)
    assert user.must_change_password
    with pytest.raises(Unauthenticated, match="create-admin"):
        people.use_sign_in_link(secret)
    people.set_password(people.actor_of(user), password="a quite new phrase")
    assert people.sign_in("olga", "a quite new phrase").must_change_password is False


def test_a_link_ends_after_an_hour(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = people.make_sign_in_link(site.owner.user)
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(people, "now", lambda: later)
    with pytest.raises(Unauthenticated):
        people.use_sign_in_link(secret)


def test_a_new_link_ends_the_one_before(site: Site) -> None:
    first = people.make_sign_in_link(site.owner.user)
    people.make_sign_in_link(site.owner.user)
    with pytest.raises(Unauthenticated):
        people.use_sign_in_link(first)


def test_a_password_is_changed_only_with_the_present_one(site: Site) -> None:
    with pytest.raises(Invalid, match="not your present password") as caught:
        people.set_password(site.owner.actor, password="a quite new phrase", current="wrong")
    assert caught.value.field == "current"
    with pytest.raises(Invalid) as caught:
        people.set_password(site.owner.actor, password="short", current=PASSWORD)
    assert caught.value.field == "password"


def test_making_an_administrator_twice_is_harmless(db: None) -> None:
    first, again = people.create_administrator("admin"), people.create_administrator("admin")
    assert first == again
    assert people.actor_of(again).is_administrator
    assert not first.has_usable_password()


def test_only_hashes_of_secrets_are_stored(site: Site) -> None:
    link = people.make_sign_in_link(site.owner.user)
    stored = str(list(Token.objects.values()))
    assert site.owner.secret not in stored
    assert link not in stored


def test_a_token_ends_by_time_and_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    token, secret = tokens.create_token(site.owner.actor, name="laptop", days=1)
    assert tokens.actor_of_token(secret).user_id == site.owner.user.pk
    with pytest.raises(NotFound):
        tokens.revoke_token(site.stranger.actor, token_id=token.pk)
    tokens.revoke_token(site.owner.actor, token_id=token.pk)
    later = clock.now() + timedelta(days=91)
    with pytest.raises(Unauthenticated, match="vrabec login"):
        tokens.actor_of_token(secret)
    monkeypatch.setattr(tokens, "now", lambda: later)
    with pytest.raises(Unauthenticated):
        tokens.actor_of_token(site.owner.secret)


@pytest.mark.parametrize(
    ("name", "days", "field"), [("", 1, "name"), ("x" * 65, 1, "name"), ("x", 0, "days"), ("x", 400, "days")]
)
def test_a_token_has_a_name_and_an_end(site: Site, name: str, days: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        tokens.create_token(site.owner.actor, name=name, days=days)
    assert caught.value.field == field


def test_a_password_of_before_is_hashed_anew_at_the_next_sign_in(site: Site, settings: Any) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    user = site.owner.user
    user.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    user.save()
    people.sign_in("olga", PASSWORD)
    user.refresh_from_db()
    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert people.sign_in("olga", PASSWORD) == user
