"""Leases: who may say until when a machine runs, and what that means for who wants to start it."""

import pytest
from django.db import transaction

from tests.cast import Person, Site, make_person, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, WrongState
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.roles import CLONER
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import vms
from vrabec.services.cells import active_jobs
from vrabec.services.jobs import retry_job
from vrabec.services.leases import (
    LeaseRules,
    LeaseWish,
    day_in,
    end_on,
    extend_vm,
    rules_of,
    set_rules,
)
from vrabec.services.permissions import rights
from vrabec.services.verbs import allowed_verbs
from vrabec.services.vm_bulk import BulkAction, Selection, act_on_many
from vrabec.services.vm_clone import CloneWish, clone_vm

__all__ = ["site"]
PAST = end_on(day_in(-3))


@pytest.fixture
def leased(site: Site) -> Site:
    """Alpha: 30 days, 90 at most; the machine "web" has 10 left."""
    Project.objects.filter(pk=site.project.pk).update(
        lease_days=30, lease_most_days=90, lease_grace_days=14, lease_then="delete"
    )
    site.project.refresh_from_db()
    ends(site, 10)
    return site


def ends(site: Site, days: int) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(lease_ends_at=end_on(day_in(days)), lease_ended_at=None)
    site.vm = vms.get_vm(site.administrator.actor, vm_id=site.vm.pk)


def made(site: Site, **changes: object) -> Vm:
    job = vms.create_vm(site.owner.actor, wish=site.wish(**changes))
    return Vm.objects.get(pk=job.vm_id)


def days_of(vm: Vm) -> int | None:
    vm.refresh_from_db()
    return (vm.lease_ends_at.date() - now().date()).days if vm.lease_ends_at else None


def extend(person: Person, vm: Vm, **wish: object) -> Vm:
    return extend_vm(person.actor, vm=vm, wish=LeaseWish(**wish))  # type: ignore[arg-type]


# --- a new machine


def test_a_project_without_leases_gives_none(site: Site) -> None:
    assert made(site).lease_ends_at is None
    with pytest.raises(Invalid, match="Machines of alpha have no lease") as caught:
        made(site, name="second", lease_days=3)
    assert caught.value.field == "lease_days"


def test_a_new_machine_gets_the_usual_lease(leased: Site) -> None:
    vm = made(leased)
    assert days_of(vm) == 30
    assert vm.lease_ends_at
    assert vm.lease_ends_at.hour == 12


@pytest.mark.parametrize("days", [1, 7, 90])
def test_who_makes_it_chooses_within_the_most(leased: Site, days: int) -> None:
    job = vms.create_vm(leased.teammate.actor, wish=leased.wish(lease_days=days))
    assert days_of(Vm.objects.get(pk=job.vm_id)) == days


@pytest.mark.parametrize(
    ("days", "said"), [(91, "At most 90 days from today, until "), (0, "from 1 to 3650")]
)
def test_more_or_none_is_refused_with_the_limit(leased: Site, days: int, said: str) -> None:
    with pytest.raises(Invalid, match=said) as caught:
        vms.create_vm(leased.teammate.actor, wish=leased.wish(lease_days=days))
    assert caught.value.field == "lease_days"
    assert not Vm.objects.filter(name="fresh").exists()


def test_an_owner_of_the_project_goes_beyond(leased: Site) -> None:
    assert days_of(made(leased, lease_days=400)) == 400


def test_a_copy_gets_a_lease_of_its_own(leased: Site) -> None:
    job = clone_vm(leased.teammate.actor, vm=leased.vm, wish=CloneWish("copy", "alpha"))
    assert days_of(Vm.objects.get(pk=job.vm_id)) == 30
    Job.objects.update(state=JobState.DONE)
    job = clone_vm(leased.teammate.actor, vm=leased.vm, wish=CloneWish("next", "alpha", lease_days=5))
    assert days_of(Vm.objects.get(pk=job.vm_id)) == 5


# --- extending


def test_a_member_extends_up_to_the_most_from_today_in_one_act(leased: Site) -> None:
    before = Audit.objects.count()
    extend(leased.teammate, leased.vm, days=90)
    assert days_of(leased.vm) == 90
    line = Audit.objects.order_by("-id")[0]
    assert Audit.objects.count() == before + 1
    assert (line.action, line.actor, line.subject) == ("vm.extend", "tom", "web")
    assert line.detail == {"before": day_in(10).isoformat(), "after": day_in(90).isoformat()}


def test_beyond_the_most_the_sentence_says_how_much_there_is(leased: Site) -> None:
    with pytest.raises(Invalid, match=r"At most 90 days from today, until .* ask an owner") as caught:
        extend(leased.teammate, leased.vm, until=day_in(91))
    assert caught.value.field == "until"
    assert caught.value.params["near"] == day_in(90).isoformat()
    assert days_of(leased.vm) == 10


def test_the_owner_of_a_machine_extends_it_also_as_who_may_only_make_them(leased: Site) -> None:
    cleo = make_person("cleo", CLONER, leased.project)
    with pytest.raises(Forbidden):
        extend(cleo, leased.vm, days=30)
    Vm.objects.update(owner=cleo.user)
    leased.vm.refresh_from_db()
    extend(cleo, leased.vm, days=90)
    with pytest.raises(Invalid):
        extend(cleo, leased.vm, days=91)


def test_viewers_and_strangers_do_not(leased: Site) -> None:
    for person in (leased.viewer, leased.stranger):
        with pytest.raises(Forbidden):
            extend(person, leased.vm, days=20)


def test_only_who_looks_after_the_project_goes_beyond_or_takes_the_end_away(leased: Site) -> None:
    with pytest.raises(Forbidden, match="Only an owner of the project may let it run without an end"):
        extend(leased.teammate, leased.vm, has_no_end=True)
    for person in (leased.owner, leased.operator, leased.administrator):
        extend(person, leased.vm, days=500)
        extend(person, leased.vm, has_no_end=True)
        assert days_of(leased.vm) is None


def test_a_machine_without_an_end_gets_one_from_an_owner_alone(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=None)
    leased.vm.refresh_from_db()
    with pytest.raises(WrongState, match="has no lease to extend"):
        extend(leased.teammate, leased.vm, days=20)
    extend(leased.owner, leased.vm, days=20)
    assert days_of(leased.vm) == 20


def test_sooner_is_for_who_may_delete_it(leased: Site) -> None:
    with pytest.raises(Invalid, match="ends later already"):
        extend(leased.teammate, leased.vm, days=5)
    extend(leased.owner, leased.vm, days=5)
    assert days_of(leased.vm) == 5


@pytest.mark.parametrize("wish", [{}, {"days": 0}, {"days": -4}, {"days": 3651}, {"until": day_in(0)}])
def test_what_is_no_day_to_come_is_refused(leased: Site, wish: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        extend(leased.owner, leased.vm, **wish)


def test_found_machines_have_none(leased: Site) -> None:
    Vm.objects.update(is_managed=False, lease_ends_at=None)
    leased.vm.refresh_from_db()
    with pytest.raises(WrongState, match="not made by Vrabec"):
        extend(leased.administrator, leased.vm, days=5)


def test_one_that_is_being_deleted_is_too_late(leased: Site) -> None:
    vms.delete_vm(leased.owner.actor, vm=leased.vm)
    with pytest.raises(Conflict, match=r"vm\.delete"):
        extend(leased.owner, leased.vm, days=30)


# --- what an ended lease means


@pytest.mark.parametrize(("seen", "verb"), [(Seen.OFF, "start"), (Seen.PAUSED, "resume")])
def test_a_machine_whose_lease_ended_does_not_run_until_it_is_extended(
    leased: Site, seen: Seen, verb: str
) -> None:
    Vm.objects.update(lease_ends_at=PAST, lease_ended_at=now(), seen=seen)
    vm = vms.get_vm(leased.owner.actor, vm_id=leased.vm.pk)
    act = {"start": vms.start_vm, "resume": vms.resume_vm}[verb]
    with pytest.raises(WrongState, match=r"The lease of web ended on .*: extend it, then it can run again"):
        act(leased.owner.actor, vm=vm)
    assert verb not in allowed_verbs(rights(leased.owner.actor, [vm]), vm)
    extend(leased.teammate, vm, days=3)
    assert vm.lease_ended_at is None
    assert verb in allowed_verbs(rights(leased.owner.actor, [vm]), vm)
    assert act(leased.owner.actor, vm=vm).kind == f"vm.{verb}"


def test_nor_in_bulk(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=PAST)
    [outcome] = act_on_many(
        leased.owner.actor, selection=Selection((leased.vm.pk,)), action=BulkAction("start")
    )
    assert outcome.refusal
    assert "extend it" in outcome.refusal.error.message


def test_nor_by_doing_an_old_start_again(leased: Site) -> None:
    job = vms.start_vm(leased.owner.actor, vm=leased.vm)
    Job.objects.update(state=JobState.FAILED)
    job.refresh_from_db()
    Vm.objects.update(lease_ends_at=PAST)
    with pytest.raises(WrongState, match="extend it"):
        retry_job(leased.owner.actor, job=Job.objects.get(pk=job.pk))


def test_nor_because_its_host_is_back(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=PAST, wished=Wished.ON)
    assert vms.keep_wish(vms.get_vm(leased.owner.actor, vm_id=leased.vm.pk)) is None
    assert active_jobs([leased.vm.pk]) == {}


# --- the rules


def test_who_owns_the_project_writes_its_leases(site: Site) -> None:
    rules = LeaseRules(days=120, most_days=200, grace_days=7, then="delete")
    with pytest.raises(Forbidden):
        set_rules(site.teammate.actor, project=site.project, rules=rules)
    set_rules(site.owner.actor, project=site.project, rules=rules)
    project = Project.objects.get(pk=site.project.pk)
    assert rules_of(project) == rules
    site.vm.refresh_from_db()
    assert site.vm.lease_ends_at is None
    line = Audit.objects.get(action="project.lease")
    assert (line.detail["before"], line.detail["after"]["days"], line.project_id) == (None, 120, project.pk)


def test_machines_that_are_there_get_the_usual_end_if_so_said(site: Site) -> None:
    found = site.make_vm("found", is_managed=False)
    set_rules(site.owner.actor, project=site.project, rules=LeaseRules(days=120), also_present=True)
    assert days_of(site.vm) == 120
    assert days_of(found) is None
    assert Audit.objects.get(action="project.lease").detail["machines"] == 1


def test_without_leases_no_end_is_left_to_come_back_later(leased: Site) -> None:
    Vm.objects.update(lease_ended_at=now())
    set_rules(leased.owner.actor, project=leased.project, rules=None)
    leased.vm.refresh_from_db()
    assert (leased.vm.lease_ends_at, leased.vm.lease_ended_at) == (None, None)
    assert rules_of(Project.objects.get(pk=leased.project.pk)) is None


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (LeaseRules(days=0), "days"),
        (LeaseRules(days=5000), "days"),
        (LeaseRules(days=30, most_days=20), "most_days"),
        (LeaseRules(days=30, grace_days=0), "grace_days"),
        (LeaseRules(days=30, then="explode"), "then"),
    ],
)
def test_rules_that_cannot_be_are_named(site: Site, rules: LeaseRules, field: str) -> None:
    with pytest.raises(Invalid) as caught, transaction.atomic():
        set_rules(site.owner.actor, project=site.project, rules=rules)
    assert caught.value.field == field
    assert Project.objects.get(pk=site.project.pk).lease_days is None


def test_other_rules_leave_the_ends_that_there_are(leased: Site) -> None:
    set_rules(leased.owner.actor, project=leased.project, rules=LeaseRules(days=2, most_days=3))
    assert days_of(leased.vm) == 10
