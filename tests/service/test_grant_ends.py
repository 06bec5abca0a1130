"""Grants with a last day: after it nobody has a right by them, whether the clock has removed them or not."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_person, site
from tests.service.test_policy import allowed, machine_verbs, scope_of
from vrabec.lib.actor import NO_VERBS, Held
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.models import changes
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.projects import Project
from vrabec.models.roles import ADMINISTRATOR, CLONER, MEMBER, OWNER, VIEWER
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm
from vrabec.services import grant_clock
from vrabec.services.access import give, list_grants, own_grants, take, transfer
from vrabec.services.accounts import Account, change_account, list_accounts
from vrabec.services.consoles import may_watch
from vrabec.services.grant_clock import end_grants
from vrabec.services.holders import Holder
from vrabec.services.leases import shown_day
from vrabec.services.lists import VmQuery, list_vms
from vrabec.services.mail import owners_of_project
from vrabec.services.people import create_administrator
from vrabec.services.permissions import may
from vrabec.services.projects import project_names
from vrabec.services.why import why

__all__ = ["site"]


def day(days: int) -> date:
    return now().date() + timedelta(days=days)


@pytest.fixture
def nina(site: Site) -> Person:
    """Somebody without any role."""
    return make_person("nina")


def given(who: Person | Group, role: str, until: date | None, **scope: object) -> Grant:
    holder = {"group": who} if isinstance(who, Group) else {"user": who.user}
    return Grant.objects.create(role=role, until=until, **holder, **scope)


def over(*grants: Grant) -> None:
    """Their last day was yesterday, and the clock has not been there."""
    Grant.objects.filter(pk__in=[grant.pk for grant in grants]).update(until=day(-1))


# --- what holds


@pytest.mark.parametrize("by_group", [False, True])
@pytest.mark.parametrize("kind", ["site", "cluster", "project", "vm"])
def test_a_role_holds_through_its_last_day_and_not_after(
    site: Site, nina: Person, kind: str, by_group: bool
) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=nina.user, group=group)
    grant = given(group if by_group else nina, MEMBER, day(0), **scope_of(site, kind))
    assert allowed(nina.actor, site.vm) == machine_verbs(MEMBER)
    over(grant)
    assert allowed(nina.actor, site.vm) == set()
    assert nina.actor.held == Held()


def test_the_day_after_an_administrator_is_none(site: Site, nina: Person) -> None:
    grant = given(nina, ADMINISTRATOR, day(1))
    assert nina.actor.is_administrator
    over(grant)
    assert not nina.actor.is_administrator
    assert nina.actor.held.site == NO_VERBS


def test_a_machine_is_no_longer_theirs_when_their_part_of_its_project_ends(site: Site, nina: Person) -> None:
    Vm.objects.update(owner=nina.user)
    part = given(nina, CLONER, day(5), project=site.project)
    assert "vm.delete" in allowed(nina.actor, site.vm)
    over(part)
    assert allowed(nina.actor, site.vm) == set()
    with pytest.raises(Invalid, match="nina has no part in the project alpha"):
        transfer(site.administrator.actor, vm=site.vm, user="nina")


def test_another_role_without_an_end_stays(site: Site, nina: Person) -> None:
    over(given(nina, MEMBER, None, project=site.project))
    given(nina, VIEWER, None, vm=site.vm)
    assert allowed(nina.actor, site.vm) == machine_verbs(VIEWER)


def test_sql_that_is_remembered_asks_for_the_day_anew(site: Site, nina: Person) -> None:
    """The same actor, as a page of yesterday had them: what was composed for them then is used again."""
    grant = given(nina, VIEWER, day(0), project=site.project)
    actor = nina.actor
    assert [project.name for project in project_names(actor, 5)] == ["alpha"]
    assert list_vms(actor, VmQuery()).total == 1
    over(grant)
    assert project_names(actor, 5) == []
    assert list_vms(actor, VmQuery()).total == 0


def test_an_open_console_is_refused_when_it_asks_again(site: Site, nina: Person) -> None:
    grant = given(nina, MEMBER, day(0), project=site.project)
    assert may_watch(nina.actor, vm_id=site.vm.pk) == site.vm
    over(grant)
    with pytest.raises(NotFound):
        may_watch(nina.actor, vm_id=site.vm.pk)


def test_who_lists_grants_sees_none_that_is_over(site: Site, nina: Person) -> None:
    grant = given(nina, VIEWER, day(3), project=site.project)
    ada = site.administrator.actor
    [shown] = [row for row in list_grants(ada, scope=site.project) if row.user == nina.user]
    assert shown.until == day(3)
    over(grant)
    assert not [row for row in list_grants(ada, scope=site.project) if row.user == nina.user]
    assert not own_grants(nina.actor, scope=site.project)
    [row] = [user for user in list_accounts(ada) if user.username == "nina"]
    assert not row.grants.all()


def test_mail_goes_to_who_owns_the_project_today(site: Site, nina: Person) -> None:
    grant = given(nina, OWNER, day(0), project=site.project)
    assert [user.username for user in owners_of_project(site.project)] == ["olga", "nina"]
    over(grant)
    assert [user.username for user in owners_of_project(site.project)] == ["olga"]


def test_three_hundred_with_an_end_cost_the_queries_of_one(site: Site, nina: Person) -> None:
    given(nina, VIEWER, day(9), project=site.project)
    with CaptureQueriesContext(connection) as few:
        list_vms(nina.actor, VmQuery())
    for number in range(300):
        given(nina, VIEWER, day(9), project=Project.objects.create(name=f"p{number}"))
    with CaptureQueriesContext(connection) as many:
        list_vms(nina.actor, VmQuery())
    assert len(many) == len(few)


# --- giving


def said(action: str) -> list[tuple[str, str, dict[str, object]]]:
    return [
        (line.actor, line.subject, line.detail) for line in Audit.objects.filter(action=action).order_by("pk")
    ]


def test_a_role_is_given_until_a_day_and_its_end_is_changed(site: Site, nina: Person) -> None:
    olga, to_nina = site.owner.actor, Holder(user=nina.user)
    first = give(olga, holder=to_nina, role=MEMBER, scope=site.project, until=day(5))
    assert first.until == day(5)
    with pytest.raises(Conflict, match="nina has this role there already"):
        give(olga, holder=to_nina, role=MEMBER, scope=site.project, until=day(5))
    for until in (day(9), None, day(2)):
        again = give(olga, holder=to_nina, role=MEMBER, scope=site.project, until=until)
        assert (again.pk, Grant.objects.get(user=nina.user).until) == (first.pk, until)
    base = {"role": "member", "to": "nina"}
    five, nine, two = (day(days).isoformat() for days in (5, 9, 2))
    assert said("grant.give") == [("olga", "alpha", base | {"until": five})]
    assert [detail for _, _, detail in said("grant.change")] == [
        base | {"before": five, "after": nine},
        base | {"before": nine, "after": "never"},
        base | {"before": "never", "after": two},
    ]


@pytest.mark.parametrize("days", [-1, -400, 3651])
def test_a_day_that_is_over_or_too_far_is_refused(site: Site, nina: Person, days: int) -> None:
    with pytest.raises(Invalid, match=r"from today on, in 3650 days at most") as refused:
        give(
            site.owner.actor, holder=Holder(user=nina.user), role=VIEWER, scope=site.project, until=day(days)
        )
    assert refused.value.field == "until"


def test_one_that_is_over_makes_room_for_the_next_at_once(site: Site, nina: Person) -> None:
    over(given(nina, VIEWER, None, project=site.project))
    give(site.owner.actor, holder=Holder(user=nina.user), role=VIEWER, scope=site.project)
    assert may(nina.actor, "vm.view", site.vm)


def test_nobody_gives_for_longer_than_they_have(site: Site, nina: Person) -> None:
    Grant.objects.filter(user=site.owner.user).update(until=day(7))
    olga = site.owner.actor
    for holder in (Holder(user=nina.user), Holder(user=site.owner.user)):
        for until in (None, day(8)):
            with pytest.raises(Invalid, match=f"yourself until {shown_day(day(7))}") as refused:
                give(olga, holder=holder, role=OWNER, scope=site.project, until=until)
            assert refused.value.params["near"] == day(7).isoformat()
    assert Grant.objects.get(user=site.owner.user).until == day(7)
    give(olga, holder=Holder(user=nina.user), role=OWNER, scope=site.project, until=day(7))
    with pytest.raises(Invalid, match="yourself until"):
        give(nina.actor, holder=Holder(user=site.owner.user), role=OWNER, scope=site.project)


def test_what_one_has_without_an_end_one_gives_so(site: Site, nina: Person) -> None:
    given(site.owner, MEMBER, None, project=site.project)
    Grant.objects.filter(user=site.owner.user, role=OWNER).update(until=day(7))
    give(site.owner.actor, holder=Holder(user=nina.user), role=MEMBER, scope=site.project)
    with pytest.raises(Invalid, match="yourself until"):
        give(site.owner.actor, holder=Holder(user=nina.user), role=OWNER, scope=site.project)


def test_who_owns_a_machine_gives_it_as_long_as_they_are_in_its_project(site: Site, nina: Person) -> None:
    Vm.objects.update(owner=nina.user)
    given(nina, CLONER, day(7), project=site.project)
    vm = Vm.objects.get()
    with pytest.raises(Invalid, match="yourself until"):
        give(nina.actor, holder=Holder(user=site.stranger.user), role=MEMBER, scope=vm)
    give(nina.actor, holder=Holder(user=site.stranger.user), role=MEMBER, scope=vm, until=day(7))
    Grant.objects.filter(user=nina.user).update(until=None)
    give(nina.actor, holder=Holder(user=site.stranger.user), role=MEMBER, scope=vm)


# --- administrators


def test_the_last_administrator_gets_no_end(site: Site, nina: Person) -> None:
    ada, herself = site.administrator.actor, Holder(user=site.administrator.user)
    with pytest.raises(Conflict, match="Make somebody else one first, without an end"):
        give(ada, holder=herself, role=ADMINISTRATOR, scope=None, until=day(30))
    give(ada, holder=Holder(user=nina.user), role=ADMINISTRATOR, scope=None, until=day(30))
    with pytest.raises(Conflict):
        give(ada, holder=herself, role=ADMINISTRATOR, scope=None, until=day(30))
    with pytest.raises(Conflict):
        take(ada, grant_id=Grant.objects.get(user=site.administrator.user).pk)
    with pytest.raises(Conflict):
        change_account(nina.actor, user=site.administrator.user, account=Account(is_active=False))
    assert Grant.objects.get(user=site.administrator.user).until is None


def test_one_for_a_time_makes_nobody_one_for_good(site: Site, nina: Person) -> None:
    given(nina, ADMINISTRATOR, day(3))
    for holder in (Holder(user=nina.user), Holder(user=site.stranger.user)):
        with pytest.raises(Invalid, match="yourself until"):
            give(nina.actor, holder=holder, role=ADMINISTRATOR, scope=None)
    with pytest.raises(Invalid, match="yourself until"):
        give(nina.actor, holder=Holder(user=nina.user), role=OWNER, scope=site.project)
    give(nina.actor, holder=Holder(user=site.stranger.user), role=ADMINISTRATOR, scope=None, until=day(3))


def test_the_way_back_makes_one_for_good(site: Site, nina: Person) -> None:
    over(given(nina, ADMINISTRATOR, None))
    create_administrator("nina")
    assert nina.actor.is_administrator
    assert Grant.objects.get(user=nina.user).until is None


# --- by the clock


def test_the_clock_removes_what_is_over_and_says_so(
    site: Site, nina: Person, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(changes, "announce", told.extend)
    group = Group.objects.create(name="botany")
    over(given(nina, MEMBER, None, project=site.project), given(group, VIEWER, None))
    given(nina, VIEWER, day(0), project=site.project)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert [end_grants(), end_grants()] == [2, 0]
    assert [row.role for row in Grant.objects.filter(user=nina.user)] == [VIEWER]
    assert not Grant.objects.filter(group=group).exists()
    until = day(-1).isoformat()
    assert said("grant.end") == [
        ("vrabec", "alpha", {"role": "member", "to": "nina", "until": until}),
        ("vrabec", "botany", {"role": "viewer", "to": "botany", "until": until}),
    ]
    assert ("grant", nina.user.pk) in told


def test_one_that_is_given_for_longer_in_that_moment_stays(
    site: Site, nina: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    over(given(nina, MEMBER, None, project=site.project))

    def holder_while_somebody_gives_it(user: User | None, group: Group | None) -> Holder:
        Grant.objects.filter(user=nina.user).update(until=day(9))
        return Holder(user, group)

    monkeypatch.setattr(grant_clock, "Holder", holder_while_somebody_gives_it)
    assert end_grants() == 0
    assert may(nina.actor, "vm.start", site.vm)
    assert not Audit.objects.filter(action="grant.end").exists()


# --- why


def test_why_says_until_when(site: Site, nina: Person) -> None:
    shown = shown_day(day(4))
    for kind, words in {
        "site": "on the whole site",
        "cluster": "in the cluster default",
        "project": "in the project alpha",
        "vm": "on the machine web",
    }.items():
        grant = given(nina, MEMBER, day(4), **scope_of(site, kind))
        found = why(site.administrator.actor, verb="vm.start", scope=site.vm, username="nina")
        assert found.words == [f"nina has the role Member {words} until {shown}."]
        over(grant)
        assert not why(site.administrator.actor, verb="vm.start", scope=site.vm, username="nina").may
        grant.delete()
