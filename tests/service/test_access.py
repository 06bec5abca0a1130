"""Giving and taking roles, groups, accounts, owners, withheld verbs; and why."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client

from tests.cast import Person, Site, make_person, site
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound, VrabecError
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant, Withheld
from vrabec.models.projects import Project
from vrabec.models.roles import ADMINISTRATOR, CLONER, MEMBER, OPERATOR, OWNER, VIEWER, Role
from vrabec.models.users import Group, Membership, TokenKind, User
from vrabec.models.vms import Vm
from vrabec.services import access, accounts, groups, roles
from vrabec.services.access import Where, give, scope_at, take
from vrabec.services.accounts import Account
from vrabec.services.holders import Holder, holder_named
from vrabec.services.people import use_sign_in_link
from vrabec.services.permissions import may
from vrabec.services.vms import get_vm
from vrabec.services.why import why

__all__ = ["site"]


@pytest.fixture
def nina(site: Site) -> Person:
    """Somebody without any role."""
    return make_person("nina")


def said(action: str) -> list[tuple[str, str, dict[str, object]]]:
    """The record's lines of one action: who, to what, what more."""
    return [
        (line.actor, line.subject, line.detail) for line in Audit.objects.filter(action=action).order_by("pk")
    ]


# --- giving and taking


def test_an_owner_gives_a_part_of_the_project_and_takes_it_back(site: Site, nina: Person) -> None:
    owner = site.owner.actor
    made = give(owner, holder=Holder(user=nina.user), role=MEMBER, scope=site.project)
    assert may(nina.actor, "vm.start", site.vm)
    take(owner, grant_id=made.pk)
    assert not may(nina.actor, "vm.start", site.vm)
    assert said("grant.give") == [("olga", "alpha", {"role": "member", "to": "nina"})]
    assert said("grant.take") == [("olga", "alpha", {"role": "member", "to": "nina"})]


def test_to_a_group_as_well(site: Site, nina: Person) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=nina.user, group=group)
    give(site.owner.actor, holder=holder_named(group="botany"), role=VIEWER, scope=site.vm)
    assert may(nina.actor, "vm.view", site.vm)


def test_the_same_twice_is_a_conflict(site: Site) -> None:
    with pytest.raises(Conflict, match="tom has this role there already"):
        give(site.owner.actor, holder=holder_named(user="tom"), role=MEMBER, scope=site.project)


@pytest.mark.parametrize("role", [OPERATOR, "night-shift"])
def test_nobody_gives_more_than_they_have(site: Site, nina: Person, role: str) -> None:
    Role.objects.create(name="night-shift", verb_line=" host.remove vm.view ")
    with pytest.raises(Forbidden, match=r"you may not do this yourself: .*host"):
        give(site.owner.actor, holder=Holder(user=nina.user), role=role, scope=site.project)
    assert not nina.user.grants.exists()


def test_nor_takes_what_is_more(site: Site, nina: Person) -> None:
    more = Grant.objects.create(user=nina.user, role=OPERATOR, project=site.project)
    with pytest.raises(Forbidden):
        take(site.owner.actor, grant_id=more.pk)


def test_what_was_withheld_from_one_cannot_be_given_on(site: Site, nina: Person) -> None:
    Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.owner.user)
    with pytest.raises(Forbidden, match="yourself: delete machines"):
        give(site.owner.actor, holder=Holder(user=nina.user), role=OWNER, scope=site.vm)


@pytest.mark.parametrize("who", ["stranger", "viewer", "teammate", "operator"])
def test_only_who_may_share_gives(site: Site, nina: Person, who: str) -> None:
    with pytest.raises(Forbidden):
        give(getattr(site, who).actor, holder=Holder(user=nina.user), role=VIEWER, scope=site.project)


@pytest.mark.parametrize("scope", ["site", "cluster"])
def test_the_site_and_its_clusters_are_given_by_administrators(site: Site, nina: Person, scope: str) -> None:
    on = site.host.cluster if scope == "cluster" else None
    for person in (site.owner, site.operator):
        with pytest.raises(Forbidden):
            give(person.actor, holder=Holder(user=nina.user), role=VIEWER, scope=on)
    give(site.administrator.actor, holder=Holder(user=nina.user), role=VIEWER, scope=on)
    assert may(nina.actor, "vm.view", site.vm)


def test_an_administrator_is_one_of_the_whole_site(site: Site, nina: Person) -> None:
    with pytest.raises(Invalid, match="whole site alone"):
        give(site.administrator.actor, holder=Holder(user=nina.user), role=ADMINISTRATOR, scope=site.project)
    give(site.administrator.actor, holder=Holder(user=nina.user), role=ADMINISTRATOR, scope=None)
    assert nina.actor.is_administrator


def test_one_may_leave_but_not_take_others_along(site: Site) -> None:
    mine, hers = (Grant.objects.get(user=person.user) for person in (site.viewer, site.owner))
    with pytest.raises(NotFound):
        take(site.viewer.actor, grant_id=hers.pk)
    take(site.viewer.actor, grant_id=mine.pk)
    assert not may(site.viewer.actor, "vm.view", site.vm)


def test_somebody_stays_an_administrator(site: Site) -> None:
    ada = site.administrator
    with pytest.raises(Conflict, match="Nobody would be left as an administrator"):
        take(ada.actor, grant_id=Grant.objects.get(user=ada.user).pk)
    with pytest.raises(Conflict, match="Nobody would be left"):
        accounts.change_account(ada.actor, user=ada.user, account=Account(is_active=False))
    assert User.objects.get(pk=ada.user.pk).is_active
    assert ada.actor.is_administrator


def test_also_the_last_one_by_a_group(site: Site) -> None:
    group = Group.objects.create(name="staff")
    Membership.objects.create(user=site.owner.user, group=group)
    Grant.objects.create(group=group, role=ADMINISTRATOR)
    olga = site.owner.actor
    take(olga, grant_id=Grant.objects.get(user=site.administrator.user).pk)
    for act in (
        lambda: groups.remove_member(olga, group=group, username="olga"),
        lambda: groups.remove_group(olga, group=group),
    ):
        with pytest.raises(Conflict, match="Nobody would be left"):
            act()
    assert site.owner.actor.is_administrator


def test_what_holds_on_a_machine_is_listed_from_the_widest(site: Site) -> None:
    Grant.objects.create(user=site.stranger.user, role=VIEWER, cluster=site.host.cluster)
    Grant.objects.create(user=site.stranger.user, role=MEMBER, vm=site.vm)
    rows = access.list_grants(site.owner.actor, scope=site.vm)
    assert [(row.user.username, row.role) for row in rows if row.user] == [
        ("ada", "administrator"),
        ("oto", "operator"),
        ("sid", "viewer"),
        ("olga", "owner"),
        ("tom", "member"),
        ("vera", "viewer"),
        ("sid", "member"),
    ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "user"),
        ({"user": "tom", "group": "botany"}, "user"),
        ({"user": "nobody"}, "user"),
        ({"user": "t\0m"}, "user"),
        ({"group": "nobody"}, "group"),
    ],
)
def test_a_holder_is_one_that_there_is(site: Site, wrong: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        holder_named(**wrong)
    assert caught.value.field == field


def test_a_scope_is_one_that_one_sees(site: Site) -> None:
    assert scope_at(site.stranger.actor, Where()) is None
    assert scope_at(site.owner.actor, Where(project="alpha")) == site.project
    for where in (Where(project="alpha"), Where(vm=site.vm.pk), Where(vm=10**9)):
        with pytest.raises(NotFound):
            scope_at(site.stranger.actor, where)
    with pytest.raises(Invalid, match="one of them at most"):
        scope_at(site.owner.actor, Where(project="alpha", vm=site.vm.pk))


# --- withheld


def test_a_withheld_verb_is_refused_until_it_is_given_back(site: Site) -> None:
    owner, tom = site.owner.actor, site.teammate
    row = access.withhold(owner, vm=site.vm, holder=Holder(user=tom.user), verb="vm.start")
    assert not may(tom.actor, "vm.start", site.vm)
    with pytest.raises(Conflict):
        access.withhold(owner, vm=site.vm, holder=Holder(user=tom.user), verb="vm.start")
    access.give_back(owner, vm=site.vm, withheld_id=row.pk)
    assert may(tom.actor, "vm.start", site.vm)
    line = ("olga", "web", {"verb": "vm.start", "to": "tom"})
    assert (said("vm.withhold"), said("vm.give_back")) == ([line], [line])


def test_nobody_gives_a_verb_back_to_themselves(site: Site) -> None:
    row = Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.owner.user)
    with pytest.raises(Forbidden, match="somebody else gives back"):
        access.give_back(site.owner.actor, vm=site.vm, withheld_id=row.pk)
    access.give_back(site.administrator.actor, vm=site.vm, withheld_id=row.pk)
    assert may(site.owner.actor, "vm.delete", site.vm)


@pytest.mark.parametrize("verb", ["host.remove", "vm.nothing", "", "vm.list"])
def test_only_verbs_on_machines_are_withheld(site: Site, verb: str) -> None:
    with pytest.raises(Invalid, match="There is no verb"):
        access.withhold(site.owner.actor, vm=site.vm, holder=Holder(user=site.teammate.user), verb=verb)


# --- owners


def test_a_machine_is_passed_on_within_its_project(site: Site, nina: Person) -> None:
    with pytest.raises(Invalid, match="nina has no part in the project alpha"):
        access.transfer(site.owner.actor, vm=site.vm, user="nina")
    Grant.objects.create(user=nina.user, role=CLONER, project=site.project)
    access.transfer(site.owner.actor, vm=site.vm, user="nina")
    vm = get_vm(nina.actor, vm_id=site.vm.pk)
    assert may(nina.actor, "vm.delete", vm)
    access.transfer(nina.actor, vm=vm)
    assert not may(nina.actor, "vm.view", Vm.objects.get(pk=site.vm.pk))
    assert [detail for _, _, detail in said("vm.transfer")] == [
        {"before": "", "to": "nina"},
        {"before": "nina", "to": ""},
    ]


def test_a_removed_account_leaves_its_machines_to_the_project(site: Site) -> None:
    Vm.objects.update(owner=site.teammate.user)
    accounts.remove_account(site.administrator.actor, user=site.teammate.user)
    assert Vm.objects.get(pk=site.vm.pk).owner is None
    assert may(site.owner.actor, "vm.delete", site.vm)
    assert said("vm.transfer") == [("ada", "web", {"before": "tom", "to": ""})]
    assert said("user.remove") == [("ada", "tom", {"machines": 1})]


def test_nobody_removes_themselves(site: Site) -> None:
    with pytest.raises(Conflict, match="your own account"):
        accounts.remove_account(site.administrator.actor, user=site.administrator.user)


# --- accounts


def test_a_new_account_begins_with_a_link(site: Site) -> None:
    account = Account(full_name="Petr Novák", email="petr@univ.example")
    made, secret = accounts.create_account(site.administrator.actor, username="petr", account=account)
    assert not made.has_usable_password()
    assert use_sign_in_link(secret) == made
    assert (made.full_name, made.email) == ("Petr Novák", "petr@univ.example")
    assert said("user.create") == [("ada", "petr", {})]


@pytest.mark.parametrize(
    ("username", "account", "field"),
    [
        ("Petr Novák", Account(), "username"),
        ("petr", Account(email="petr at univ"), "email"),
        ("petr", Account(full_name="x" * 121), "full_name"),
        ("tom", Account(), "username"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    site: Site, username: str, account: Account, field: str
) -> None:
    with pytest.raises((Invalid, Conflict)) as caught:
        accounts.create_account(site.administrator.actor, username=username, account=account)
    assert caught.value.field == field


def test_a_closed_account_is_out_at_once(site: Site) -> None:
    accounts.change_account(
        site.administrator.actor, user=site.teammate.user, account=Account(is_active=False)
    )
    assert User.objects.get(username="tom").is_active is False
    with pytest.raises(Invalid, match="no user named tom"):
        holder_named(user="tom")
    assert said("user.change") == [
        ("ada", "tom", {"before": {"is_active": True}, "after": {"is_active": False}})
    ]


def test_a_new_link_ends_the_one_before(site: Site) -> None:
    ada, tom = site.administrator.actor, site.teammate.user
    first, second = (accounts.make_link(ada, user=tom) for _ in range(2))
    with pytest.raises(VrabecError):
        use_sign_in_link(first)
    assert use_sign_in_link(second) == tom
    assert tom.tokens.filter(kind=TokenKind.SIGN_IN, ended_at=None).count() == 0


# --- roles


def test_a_role_is_made_changed_and_removed(site: Site, nina: Person) -> None:
    ada = site.administrator.actor
    made = roles.create_role(ada, name="night-shift", title="Night shift", verbs=["vm.view", "vm.start"])
    give(ada, holder=Holder(user=nina.user), role="night-shift", scope=None)
    roles.change_role(ada, name="night-shift", version=made.version, verbs=["vm.view"])
    assert not may(nina.actor, "vm.start", site.vm)
    with pytest.raises(Conflict, match="given 1 times"):
        roles.remove_role(ada, name="night-shift")
    Grant.objects.filter(user=nina.user).delete()
    roles.remove_role(ada, name="night-shift")
    assert not Role.objects.exists()
    assert said("role.change")[0][2] == {"before": ["vm.start", "vm.view"], "after": ["vm.view"]}


def test_two_who_change_one_role_do_not_overwrite_each_other(site: Site) -> None:
    ada = site.administrator.actor
    made = roles.create_role(ada, name="night-shift", verbs=["vm.view"])
    roles.change_role(ada, name="night-shift", version=made.version, verbs=["vm.view", "vm.start"])
    with pytest.raises(Conflict, match="changed the role night-shift meanwhile"):
        roles.change_role(ada, name="night-shift", version=made.version, verbs=["vm.view", "vm.delete"])
    assert Role.objects.get().verbs == {"vm.view", "vm.start"}


@pytest.mark.parametrize("name", ["owner", "administrator"])
def test_what_is_built_in_stays(site: Site, name: str) -> None:
    ada = site.administrator.actor
    with pytest.raises(Conflict, match="exists already"):
        roles.create_role(ada, name=name, verbs=["vm.view"])
    with pytest.raises(Conflict, match="is built in"):
        roles.change_role(ada, name=name, version=0, verbs=["vm.view"])
    with pytest.raises(Conflict, match="is built in"):
        roles.remove_role(ada, name=name)


@pytest.mark.parametrize("verbs", [[], ["vm.fly"], ["token.create"], ["vm.view vm.start"]])
def test_a_role_is_of_verbs_that_there_are(site: Site, verbs: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        roles.create_role(site.administrator.actor, name="night-shift", verbs=verbs)
    assert caught.value.field == "verbs"


# --- why


def test_why_names_each_way_and_what_is_withheld(site: Site, nina: Person) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=nina.user, group=group)
    Grant.objects.create(user=nina.user, role=OWNER, project=site.project)
    Grant.objects.create(group=group, role=OPERATOR)
    Vm.objects.update(owner=nina.user)
    vm = Vm.objects.get(pk=site.vm.pk)
    found = why(site.owner.actor, verb="vm.delete", scope=vm, username="nina")
    assert found.may
    assert found.words == [
        "nina has the role Owner in the project alpha.",
        "nina (by the group botany) has the role Operator on the whole site.",
        "nina owns the machine.",
    ]
    Withheld.objects.create(vm=vm, group=group, verb="vm.delete")
    found = why(nina.actor, verb="vm.delete", scope=vm)
    assert not found.may
    assert found.words[-1] == "It is withheld from nina (by the group botany) on this machine."


def test_why_not_says_that_there_is_nothing(site: Site) -> None:
    found = why(site.viewer.actor, verb="vm.delete", scope=site.vm)
    assert (found.may, found.words) == (False, ["vera has no role there that lets them delete machines."])


def test_of_others_only_who_may_share_asks(site: Site) -> None:
    with pytest.raises(Forbidden):
        why(site.teammate.actor, verb="vm.delete", scope=site.vm, username="olga")


# --- at once


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_take_each_other_out_leave_one(transactional_db: None) -> None:
    people = [make_person(name, ADMINISTRATOR) for name in ("ada", "bob")]
    Project.objects.create(name="alpha")

    def takes(actor: Person, other: Person) -> bool:
        try:
            take(actor.actor, grant_id=Grant.objects.get(user=other.user).pk)
        except VrabecError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(takes, people, reversed(people)))
    with transaction.atomic():
        assert Grant.objects.filter(role=ADMINISTRATOR).count() >= 1
    assert done.count(True) <= 1


def test_who_may_not_share_does_not_hear_who_there_is(site: Site) -> None:
    client = Client(headers={"authorization": f"Bearer {site.viewer.secret}"})
    for name in ("olga", "nobody"):
        body = {"user": name, "role": "viewer", "project": "alpha"}
        given = client.post("/api/v1/grants", body, content_type="application/json", secure=True)
        asked = client.get("/api/v1/why", {"verb": "vm.view", "user": name, "project": "alpha"}, secure=True)
        assert (given.status_code, asked.status_code) == (403, 403), name
