"""Who, in the end, may what on a scope: held against what the policy answers for each of them."""

from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_host, make_person, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant, Withheld
from vrabec.models.roles import ADMINISTRATOR, BUILT_IN, CLONER, MEMBER, OWNED, OWNER, VIEWER, Role
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm
from vrabec.services.access import Scope, verbs_on
from vrabec.services.by_person import People, Reached
from vrabec.services.people import actor_of
from vrabec.services.permissions import may, rights
from vrabec.services.tokens import actor_of_token, create_token

__all__ = ["site"]
WORLDS = 12


@pytest.fixture
def group(site: Site) -> Group:
    """One in which Sid and Vera are."""
    made = Group.objects.create(name="botany")
    for person in (site.stranger, site.viewer):
        Membership.objects.create(group=made, user=person.user)
    return made


def listed(who: Person, scope: Scope | None) -> dict[str, Reached]:
    found = People(who.actor, scope=scope)
    rows = found[0:1000]
    assert len(rows) == found.count()
    return {row.holder.name: row for row in rows}


def said(row: Reached) -> list[tuple[str, str, str]]:
    """Its ways: the role, where, and by which group."""
    return [
        (way.role.name, way.on.name if way.on else "", way.group.name if way.group else "")
        for way in row.ways
    ]


# ---- against the policy


def populate(site: Site, chance: Random) -> list[User]:
    """People and groups with roles and what is withheld, at random."""
    Role.objects.create(name="night", verb_line=" vm.start vm.view ")
    Role.objects.create(name="clerk", verb_line=" quota.view user.list ")
    Role.objects.create(name="racks", verb_line=" cluster.list host.list host.maintain ")
    users = [User.objects.create(username=f"u{number}") for number in range(12)]
    groups = [Group.objects.create(name=f"g{number}") for number in range(4)]
    for group in groups:
        for user in chance.sample(users, 4):
            Membership.objects.create(group=group, user=user)
    other = Cluster.objects.create(name="other")
    elsewhere = site.make_vm("elsewhere", host=make_host("kvm2"), project=site.other)
    scopes = [{}, {"cluster": site.host.cluster}, {"cluster": other}, {"project": site.project}]
    scopes += [{"project": site.other}, {"vm": site.vm}, {"vm": elsewhere}]
    roles = [*BUILT_IN, "night", "clerk", "racks", "gone"]
    for _ in range(24):
        scope = chance.choice(scopes)
        role = chance.choice(roles if scope else [*roles, ADMINISTRATOR])
        holder = chance.choice([{"user": chance.choice(users)}, {"group": chance.choice(groups)}])
        until = now().date() + timedelta(days=chance.choice([-1, 0, 5])) if chance.random() < 0.3 else None
        Grant.objects.get_or_create(role=role, **holder, **scope, defaults={"until": until})
    for _ in range(8):
        holder = chance.choice([{"user": chance.choice(users)}, {"group": chance.choice(groups)}])
        Withheld.objects.get_or_create(vm=site.vm, verb=chance.choice(["vm.view", "vm.start"]), **holder)
    Vm.objects.update(**chance.choice([{"owner": users[0]}, {"owner_group": groups[0]}, {}]))
    return users


@pytest.mark.parametrize("seed", range(WORLDS))
def test_what_is_left_is_what_the_policy_answers(site: Site, seed: int) -> None:
    users = populate(site, Random(seed))  # noqa: S311 - a test's
    vm = Vm.objects.select_related("host__cluster", "project", "owner", "owner_group").get(pk=site.vm.pk)
    assert vm.host
    for scope in (vm, vm.project, vm.host.cluster, None):
        found = listed(site.administrator, scope)
        for user in users:
            them = actor_of(user)
            theirs = rights(them, [scope] if scope else [])
            allowed = {
                verb for verb in verbs_on(scope) if (theirs.may(verb, scope) if scope else may(them, verb))
            }
            row = found.get(user.username)
            assert (set(row.verbs) if row else set()) == allowed, (scope, user)


# ---- what a row says


def test_a_row_is_a_person_with_each_way_from_the_nearest(site: Site, group: Group) -> None:
    Grant.objects.create(group=group, vm=site.vm, role=MEMBER)
    Grant.objects.create(user=site.viewer.user, cluster=site.host.cluster, role=OWNER)
    Withheld.objects.create(group=group, vm=site.vm, verb="vm.start")
    Withheld.objects.create(user=site.administrator.user, vm=site.vm, verb="vm.start")
    found = listed(site.administrator, site.vm)
    assert list(found) == ["ada", "olga", "oto", "sid", "tom", "vera"]
    assert said(found["vera"]) == [
        ("member", "web", "botany"),
        ("viewer", "alpha", ""),
        ("owner", "default", ""),
    ]
    assert [(row.verb, row.group) for row in found["vera"].withheld] == [("vm.start", group)]
    assert "vm.delete" in found["vera"].verbs
    assert "vm.start" not in found["vera"].verbs
    assert said(found["sid"]) == [("member", "web", "botany")]
    assert found["ada"].withheld == ()
    assert "vm.start" in found["ada"].verbs


def test_the_owner_is_one_as_long_as_they_have_a_part(site: Site, group: Group) -> None:
    Vm.objects.update(owner=site.stranger.user)
    vm = Vm.objects.get(pk=site.vm.pk)
    assert "sid" not in listed(site.administrator, vm)
    Grant.objects.create(group=group, project=site.project, role=CLONER)
    for who in (site.administrator, site.owner):
        row = listed(who, vm)["sid"]
        assert [(way.role.name, way.owns) for way in row.ways] == [("owner", True)]
        assert row.verbs == OWNED & verbs_on(vm)


def test_of_an_owning_group_each_is_one(site: Site, group: Group) -> None:
    Vm.objects.update(owner_group=group)
    vm = Vm.objects.get(pk=site.vm.pk)
    found = listed(site.administrator, vm)
    assert said(found["vera"]) == [("owner", "web", "botany"), ("viewer", "alpha", "")]
    assert "sid" not in found
    assert said(listed(site.owner, vm)["botany"]) == [("owner", "web", "")]


def test_who_may_nothing_there_is_not_listed(site: Site, group: Group) -> None:
    Role.objects.create(name="clerk", verb_line=" user.list ")
    Grant.objects.create(user=site.stranger.user, role="clerk")
    Grant.objects.create(user=site.stranger.user, vm=site.vm, role="gone")
    Grant.objects.create(group=group, vm=site.vm, role=MEMBER, until=now().date() - timedelta(days=1))
    User.objects.filter(username="tom").update(is_active=False)
    assert set(listed(site.administrator, site.vm)) == {"ada", "olga", "oto", "vera"}
    assert said(listed(site.administrator, None)["sid"]) == [("clerk", "", "")]


# ---- who is told


def test_only_who_may_share_is_told(site: Site) -> None:
    for who in (site.teammate, site.viewer):
        with pytest.raises(Forbidden):
            People(who.actor, scope=site.vm)
    with pytest.raises(Forbidden):
        People(site.operator.actor, scope=site.host.cluster)


def test_who_may_not_see_groups_is_told_no_member(site: Site, group: Group) -> None:
    Grant.objects.create(group=group, vm=site.vm, role=MEMBER, until=now().date())
    Withheld.objects.create(group=group, vm=site.vm, verb="vm.start")
    for who in (site.owner, site.operator):
        found = listed(who, site.vm)
        assert list(found) == ["ada", "olga", "oto", "tom", "vera", "botany"]
        assert said(found["vera"]) == [("viewer", "alpha", "")]
        assert found["vera"].withheld == ()
        assert said(found["botany"]) == [("member", "web", "")]
        assert found["botany"].ways[0].until == now().date()
        assert found["botany"].member_count == 2
        assert [row.verb for row in found["botany"].withheld] == ["vm.start"]
        assert "vm.start" not in found["botany"].verbs
    Role.objects.create(name="registrar", verb_line=" group.list ")
    Grant.objects.create(user=site.owner.user, role="registrar")
    assert "sid" in listed(site.owner, site.vm)


def test_a_narrow_token_looks_into_no_group(site: Site, group: Group) -> None:
    Grant.objects.create(group=group, project=site.project, role=MEMBER)
    ada = site.administrator.actor
    secret = create_token(ada, name="few", verbs=["project.share", "project.view", "group.list"],
                          projects=["alpha"])[1]  # fmt: skip
    narrow = actor_of_token(secret, "")
    names = [row.holder.name for row in People(narrow, scope=site.project)[0:50]]
    assert "botany" in names
    assert "sid" not in names


# ---- parts


def test_parts_are_of_users_and_then_groups(site: Site) -> None:
    for number in range(4):
        made = Group.objects.create(name=f"g{number}")
        Grant.objects.create(group=made, project=site.project, role=VIEWER)
    found = People(site.owner.actor, scope=site.project)
    names = [row.holder.name for start in range(0, 10, 2) for row in found[start : start + 2]]
    assert names == ["ada", "olga", "oto", "tom", "vera", "g0", "g1", "g2", "g3"]
    assert found.count() == 9
    assert found[9:18] == []


def test_a_hundred_rows_cost_the_queries_of_one(site: Site) -> None:
    def queries(who: Person) -> int:
        with CaptureQueriesContext(connection) as asked:
            found = People(who.actor, scope=site.vm)
            found.count()
            found[0:500]
        return len(asked)

    Grant.objects.create(group=Group.objects.create(name="first"), vm=site.vm, role=VIEWER)
    few = [queries(who) for who in (site.administrator, site.owner)]
    for number in range(50):
        user = User.objects.create(username=f"u{number}")
        made = Group.objects.create(name=f"g{number}")
        Membership.objects.create(user=make_person(f"m{number}").user, group=made)
        Grant.objects.create(user=user, role=MEMBER, project=site.project)
        Grant.objects.create(group=made, role=VIEWER, cluster=site.host.cluster)
        Withheld.objects.create(user=user, vm=site.vm, verb="vm.start")
    assert len(listed(site.administrator, site.vm)) > 100
    assert [queries(who) for who in (site.administrator, site.owner)] == few
    assert max(few) <= 12
