"""The policy: roles on scopes, groups, owners, withheld verbs; what is listed is what may be done."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_host, make_person, site
from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.errors import Forbidden, Unauthenticated
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant, Withheld, reached
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.roles import ADMINISTRATOR, BUILT_IN, CLONER, MEMBER, OPERATOR, OWNED, OWNER, VIEWER, Role
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.hosts import list_hosts
from vrabec.services.jobs import list_jobs, retry_job
from vrabec.services.permissions import (
    ACTIONS,
    Level,
    all_rights,
    may,
    may_somewhere,
    require,
    rights,
)
from vrabec.services.verb_words import WORDS

__all__ = ["site"]
SCOPED = ("site", "cluster", "project", "vm")
OF_PROJECTS = {"vm.create", "vm.place"}
VERBS = sorted(
    verb for verb in ACTIONS.keys() - OF_PROJECTS if verb.startswith("vm.") and ACTIONS[verb] is Level.GRANTED
)


def grant(who: Person | Group, role: str, **scope: object) -> Grant:
    holder = {"group": who} if isinstance(who, Group) else {"user": who.user}
    return Grant.objects.create(role=role, **holder, **scope)


def scope_of(site: Site, kind: str) -> dict[str, object]:
    assert site.host.cluster
    found = {"site": None, "cluster": site.host.cluster, "project": site.project, "vm": site.vm}[kind]
    return {kind: found} if found else {}


@pytest.fixture
def nina(site: Site) -> Person:
    """Somebody without any role."""
    return make_person("nina")


@pytest.fixture
def elsewhere(site: Site) -> Vm:
    """A machine in another project, on a host of another cluster."""
    host = make_host("kvm2")
    host.cluster = Cluster.objects.create(name="other")
    host.save()
    return site.make_vm("elsewhere", project=site.other, host=host)


def allowed(actor: Actor, vm: Vm) -> set[str]:
    """The verbs as three ways of asking have them: all must agree."""
    vm = Vm.objects.select_related("host").get(pk=vm.pk)
    asked = {verb for verb in VERBS if may(actor, verb, vm)}
    assert {verb for verb in VERBS if rights(actor, [vm]).may(verb, vm)} == asked
    assert {verb for verb in VERBS if all_rights(actor).may(verb, vm)} == asked
    assert {verb for verb in VERBS if Vm.objects.filter(reached(actor, verb), pk=vm.pk)} == asked
    assert {verb for verb in VERBS if may_somewhere(actor, verb)} >= asked
    return asked


def machine_verbs(role: str) -> set[str]:
    return BUILT_IN[role] & set(VERBS)


def test_roles_have_verbs_of_the_table_and_the_higher_ones_all_of_the_lower() -> None:
    for name, verbs in BUILT_IN.items():
        assert {verb for verb in verbs if ACTIONS.get(verb) is not Level.GRANTED} == set(), name
    assert BUILT_IN[VIEWER] < BUILT_IN[MEMBER] < BUILT_IN[OWNER]
    assert BUILT_IN[CLONER] < BUILT_IN[MEMBER] < BUILT_IN[OPERATOR]
    assert set(ACTIONS) >= OWNED


@pytest.mark.parametrize("role", BUILT_IN)
@pytest.mark.parametrize("kind", SCOPED)
def test_a_role_holds_within_its_scope_and_nowhere_else(
    site: Site, nina: Person, elsewhere: Vm, kind: str, role: str
) -> None:
    grant(nina, role, **scope_of(site, kind))
    assert allowed(nina.actor, site.vm) == machine_verbs(role)
    assert allowed(nina.actor, elsewhere) == (machine_verbs(role) if kind == "site" else set())


@pytest.mark.parametrize("kind", SCOPED)
def test_a_group_gives_its_members_what_it_was_given(site: Site, nina: Person, kind: str) -> None:
    group = Group.objects.create(name="botany")
    grant(group, MEMBER, **scope_of(site, kind))
    assert allowed(nina.actor, site.vm) == set()
    membership = Membership.objects.create(user=nina.user, group=group)
    assert allowed(nina.actor, site.vm) == machine_verbs(MEMBER)
    membership.delete()
    assert allowed(nina.actor, site.vm) == set()


@pytest.mark.parametrize("kind", SCOPED)
def test_a_role_of_the_sites_own_has_its_verbs(site: Site, nina: Person, kind: str) -> None:
    role = Role.objects.create(name="night-shift", verb_line=" vm.start vm.view ")
    grant(nina, "night-shift", **scope_of(site, kind))
    assert allowed(nina.actor, site.vm) == {"vm.start", "vm.view"}
    Role.objects.filter(pk=role.pk).update(verb_line=" vm.view ")
    assert allowed(nina.actor, site.vm) == {"vm.view"}
    role.delete()
    assert allowed(nina.actor, site.vm) == set()


def test_roles_add_up(site: Site, nina: Person) -> None:
    grant(nina, VIEWER, project=site.project)
    grant(nina, CLONER, vm=site.vm)
    assert allowed(nina.actor, site.vm) == machine_verbs(VIEWER) | machine_verbs(CLONER)


@pytest.mark.parametrize("by_group", [False, True])
def test_who_owns_a_machine_may_do_all_with_it_while_in_its_project(
    site: Site, nina: Person, elsewhere: Vm, by_group: bool
) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=nina.user, group=group)
    Vm.objects.filter(pk__in=(site.vm.pk, elsewhere.pk)).update(
        **({"owner_group": group} if by_group else {"owner": nina.user})
    )
    assert allowed(nina.actor, site.vm) == set()
    part = grant(nina, CLONER, project=site.project)
    assert allowed(nina.actor, site.vm) == (OWNED & set(VERBS)) | machine_verbs(CLONER)
    assert allowed(nina.actor, elsewhere) == set()
    assert [vm.pk for vm in Vm.objects.visible_to(nina.actor)] == [site.vm.pk]
    part.delete()
    assert allowed(nina.actor, site.vm) == set()


def test_who_may_make_machines_sees_their_own_alone(site: Site, nina: Person) -> None:
    grant(nina, CLONER, project=site.project)
    job = vms.create_vm(nina.actor, wish=site.wish())
    made = vms.get_vm(nina.actor, vm_id=job.vm_id or 0)
    assert made.owner == nina.user
    assert [vm.name for vm in Vm.objects.visible_to(nina.actor)] == ["fresh"]
    assert [found.pk for found in list_jobs(nina.actor)] == [job.pk]
    assert may(nina.actor, "job.cancel", Job.objects.select_related("vm__host").get(pk=job.pk))
    assert [line.action for line in Audit.objects.visible_to(nina.actor)] == ["vm.create"]


@pytest.mark.parametrize("kind", SCOPED)
@pytest.mark.parametrize("by_group", [False, True])
def test_a_withheld_verb_is_gone_whatever_gives_it(
    site: Site, nina: Person, kind: str, by_group: bool
) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=nina.user, group=group)
    grant(nina, OWNER, **scope_of(site, kind))
    other = site.make_vm("other")
    before = allowed(nina.actor, other)
    holder = {"group": group} if by_group else {"user": nina.user}
    Withheld.objects.create(vm=site.vm, verb="vm.delete", **holder)
    assert allowed(nina.actor, site.vm) == machine_verbs(OWNER) - {"vm.delete"}
    assert allowed(nina.actor, other) == before


def test_from_an_owner_too_and_sight_as_well(site: Site, nina: Person) -> None:
    grant(nina, MEMBER, project=site.project)
    Vm.objects.update(owner=nina.user)
    for verb in ("vm.delete", "vm.view"):
        Withheld.objects.create(vm=site.vm, verb=verb, user=nina.user)
    left = machine_verbs(MEMBER) | OWNED & set(VERBS)
    assert allowed(nina.actor, site.vm) == left - {"vm.delete", "vm.view"}
    assert not Vm.objects.visible_to(nina.actor).exists()


def test_nothing_is_withheld_from_an_administrator(site: Site) -> None:
    Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.administrator.user)
    assert allowed(site.administrator.actor, site.vm) == set(VERBS)
    assert allowed(SYSTEM, site.vm) == set(VERBS)


def test_an_administrator_by_a_group_is_one(site: Site, nina: Person) -> None:
    group = Group.objects.create(name="staff")
    grant(group, ADMINISTRATOR)
    assert not nina.actor.is_administrator
    Membership.objects.create(user=nina.user, group=group)
    assert nina.actor.is_administrator


def test_who_looks_after_a_cluster_sees_its_hosts_alone(site: Site, nina: Person, elsewhere: Vm) -> None:
    with pytest.raises(Forbidden):
        list_hosts(nina.actor)
    grant(nina, OPERATOR, cluster=site.host.cluster)
    assert [host.name for host in list_hosts(nina.actor)] == ["kvm1"]
    require(nina.actor, "host.maintain", site.host)
    assert elsewhere.host
    with pytest.raises(Forbidden):
        require(nina.actor, "host.maintain", elsewhere.host)
    with pytest.raises(Forbidden):
        require(nina.actor, "host.remove", site.host)


@pytest.mark.parametrize(
    ("kind", "offered"), [("site", True), ("cluster", False), ("project", True), ("vm", False)]
)
def test_machines_are_made_in_projects(site: Site, nina: Person, kind: str, offered: bool) -> None:
    grant(nina, MEMBER, **scope_of(site, kind))
    assert may_somewhere(nina.actor, "vm.create") == offered
    assert may(nina.actor, "vm.create", site.project) == offered


def test_one_who_is_not_in_a_project_does_not_see_it(site: Site, nina: Person) -> None:
    grant(nina, VIEWER, vm=site.vm)
    assert not Project.objects.visible_to(nina.actor).exists()
    grant(nina, VIEWER, project=site.project)
    assert [found.name for found in Project.objects.visible_to(nina.actor)] == ["alpha"]


def test_nobody_may_nothing_but_what_is_public() -> None:
    nobody = Actor(user_id=0, name="")
    assert may(nobody, "health.view")
    assert not may(nobody, "vm.list")
    with pytest.raises(Unauthenticated):
        require(nobody, "vm.list")


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": ADMINISTRATOR, "project": True},
        {"role": VIEWER, "project": True, "vm": True},
        {"role": VIEWER, "group": True},
        {"role": VIEWER, "user": None},
    ],
)
def test_the_database_refuses_a_grant_without_one_holder_and_one_scope(
    site: Site, wrong: dict[str, object]
) -> None:
    values = {"user": site.owner.user} | wrong
    for name, row in (("project", site.project), ("vm", site.vm)):
        values |= {name: row} if values.get(name) else {}
    if values.get("group"):
        values["group"] = Group.objects.create(name="botany")
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(**values)


@pytest.mark.parametrize("kind", SCOPED)
def test_the_same_is_granted_once(site: Site, nina: Person, kind: str) -> None:
    grant(nina, VIEWER, **scope_of(site, kind))
    with pytest.raises(IntegrityError), transaction.atomic():
        grant(nina, VIEWER, **scope_of(site, kind))


def test_three_hundred_grants_cost_the_queries_of_one(site: Site, nina: Person) -> None:
    grant(nina, MEMBER, project=site.project)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            actor = nina.actor
            vms_seen = list(Vm.objects.visible_to(actor).select_related("host"))
            found = rights(actor, vms_seen)
            assert all(found.may("vm.start", vm) for vm in vms_seen)
        return len(asked)

    few = queries()
    for number in range(100):
        project = Project.objects.create(name=f"p{number}")
        vm = site.make_vm(f"vm-{number}", project=project)
        grant(nina, MEMBER, project=project)
        grant(nina, VIEWER, vm=vm)
    assert queries() == few == 3


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.STUCK, JobState.CANCELLED])
def test_who_may_not_delete_does_not_retry_a_deletion(site: Site, state: JobState) -> None:
    job = Job.objects.create(
        kind="vm.delete", vm=site.vm, project=site.project, state=state, created_by_name="x"
    )
    with pytest.raises(Forbidden, match="Only an owner of the project"):
        retry_job(site.teammate.actor, job=job)
    withheld = Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.owner.user)
    with pytest.raises(Forbidden):
        retry_job(site.owner.actor, job=job)
    withheld.delete()
    assert retry_job(site.owner.actor, job=job).kind == "vm.delete"


def test_every_verb_that_a_role_gives_has_words_of_its_own() -> None:
    granted = {verb for verb, level in ACTIONS.items() if level is Level.GRANTED}
    assert set(WORDS) == granted
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("vm.start", "Only a member of the project may start machines."),
        ("vm.delete", "Only an owner of the project may delete machines."),
        ("host.maintain", "Only an administrator or operator may put hosts into maintenance."),
        ("user.remove", "Only an administrator may remove accounts."),
    ],
)
def test_a_refusal_says_in_words_what_is_refused(site: Site, verb: str, words: str) -> None:
    with pytest.raises(Forbidden) as refused:
        require(site.stranger.actor, verb)
    assert refused.value.message == words
