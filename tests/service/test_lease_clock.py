"""Leases by the clock: what is done at the end, when again, and that nobody loses their days of grace."""

from datetime import timedelta

import pytest

from tests.cast import Site, make_host, site
from tests.service.test_leases import PAST, leased
from vrabec.inventory.fleet import Fleet
from vrabec.lib.clock import now
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import vms
from vrabec.services.lease_clock import end_leases
from vrabec.services.leases import LeaseWish, day_in, end_on, extend_vm
from vrabec.services.vm_clone import CloneWish, clone_vm

__all__ = ["leased", "site"]


def over(seen: Seen = Seen.RUNNING, **columns: object) -> Vm:
    Vm.objects.update(lease_ends_at=PAST, seen=seen, wished=Wished.ON, **columns)
    return Vm.objects.get()


def test_at_its_end_a_machine_is_asked_to_shut_down_once_and_powered_off_if_it_does_not_listen(
    leased: Site,
) -> None:
    over()
    assert [end_leases(), end_leases()] == [1, 0]
    job, vm = Job.objects.get(), Vm.objects.get()
    assert (job.kind, job.created_by, job.created_by_name) == ("vm.shutdown", None, "vrabec")
    assert job.args["then_power_off"] is True
    assert job.args["deadline_seconds"] == vms.SHUTDOWN_SECONDS
    assert vm.wished == Wished.OFF
    assert vm.lease_ended_at
    assert now() - vm.lease_ended_at < timedelta(minutes=1)
    said = set(Audit.objects.filter(kind="vm", subject_id=vm.pk).values_list("actor", "action"))
    assert said == {("vrabec", "vm.shutdown"), ("vrabec", "vm.lease_end")}


def test_before_its_end_nothing_happens_nor_to_one_without(leased: Site) -> None:
    Vm.objects.update(seen=Seen.RUNNING)
    assert end_leases() == 0
    Vm.objects.update(lease_ends_at=None)
    assert end_leases() == 0
    assert not Job.objects.exists()


@pytest.mark.parametrize("seen", [Seen.OFF, Seen.HIBERNATED, Seen.CRASHED])
def test_one_that_does_not_run_is_only_noted(leased: Site, seen: Seen) -> None:
    over(seen)
    assert [end_leases(), end_leases()] == [1, 0]
    assert not Job.objects.exists()
    assert Vm.objects.get().lease_ended_at


def test_one_that_is_paused_is_powered_off(leased: Site) -> None:
    over(Seen.PAUSED)
    assert end_leases() == 1
    assert Job.objects.get().kind == "vm.power_off"


def test_a_job_that_works_on_it_is_waited_for(leased: Site) -> None:
    over()
    job = vms.reboot_vm(leased.owner.actor, vm=vms.get_vm(leased.owner.actor, vm_id=leased.vm.pk))
    assert end_leases() == 0
    assert Vm.objects.get().lease_ended_at is None
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE)
    assert end_leases() == 1


def test_so_is_a_host_that_does_not_answer(leased: Site) -> None:
    over()
    Host.objects.update(state=HostState.UNREACHABLE)
    assert end_leases() == 0
    assert Vm.objects.get().lease_ended_at is None
    Host.objects.update(state=HostState.ONLINE)
    assert end_leases() == 1


def test_a_shutdown_that_failed_is_tried_again_after_an_hour(leased: Site) -> None:
    over()
    end_leases()
    Job.objects.update(state=JobState.FAILED)
    assert end_leases() == 0
    Job.objects.update(created_at=now() - timedelta(minutes=61))
    first = Vm.objects.get().lease_ended_at
    assert end_leases() == 1
    assert Job.objects.active().get().kind == "vm.shutdown"
    assert Vm.objects.get().lease_ended_at == first
    assert Audit.objects.filter(action="vm.lease_end").count() == 1


def test_one_that_somebody_starts_on_its_host_is_shut_down_again(leased: Site) -> None:
    over(lease_ended_at=now() - timedelta(days=2))
    assert end_leases() == 1
    assert Job.objects.get().kind == "vm.shutdown"


def test_after_the_days_of_grace_it_is_deleted_by_an_ordinary_job(leased: Site) -> None:
    over(Seen.OFF, lease_ended_at=now() - timedelta(days=13, hours=23))
    assert end_leases() == 0
    over(Seen.OFF, lease_ended_at=now() - timedelta(days=14, minutes=1))
    assert [end_leases(), end_leases()] == [1, 0]
    assert (Job.objects.get().kind, Job.objects.get().created_by_name) == ("vm.delete", "vrabec")
    said = set(Audit.objects.filter(kind="vm", subject_id=leased.vm.pk).values_list("actor", "action"))
    assert said == {("vrabec", "vm.delete"), ("vrabec", "vm.lease_grace_end")}


def test_where_machines_are_kept_none_is_ever_deleted(leased: Site) -> None:
    Project.objects.update(lease_then="archive")
    over(Seen.OFF, lease_ended_at=now() - timedelta(days=400))
    assert end_leases() == 0
    assert not Job.objects.exists()


def test_one_that_runs_is_never_deleted_but_shut_down_first(leased: Site) -> None:
    over(lease_ended_at=now() - timedelta(days=30))
    assert end_leases() == 1
    assert Job.objects.get().kind == "vm.shutdown"


def test_a_controller_that_was_off_for_weeks_deletes_nothing_at_once(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=end_on(day_in(-60)), seen=Seen.RUNNING)
    assert end_leases() == 1
    Job.objects.update(state=JobState.DONE)
    Vm.objects.update(seen=Seen.OFF)
    assert end_leases() == 0
    assert not Job.objects.filter(kind="vm.delete").exists()


def test_an_extension_in_the_days_of_grace_saves_it(leased: Site) -> None:
    over(Seen.OFF, lease_ended_at=now() - timedelta(days=20))
    vm = vms.get_vm(leased.teammate.actor, vm_id=leased.vm.pk)
    extend_vm(leased.teammate.actor, vm=vm, wish=LeaseWish(days=1))
    assert end_leases() == 0
    assert not Job.objects.exists()


def test_one_that_is_being_copied_waits(leased: Site) -> None:
    over(Seen.OFF, lease_ended_at=now() - timedelta(days=20))
    vm = vms.get_vm(leased.owner.actor, vm_id=leased.vm.pk)
    clone_vm(leased.owner.actor, vm=vm, wish=CloneWish("copy", "alpha"))
    assert end_leases() == 0


def test_each_machine_goes_its_own_way(leased: Site) -> None:
    silent = make_host("kvm2")
    Host.objects.filter(pk=silent.pk).update(state=HostState.UNREACHABLE)
    for name, host in (("one", leased.host), ("two", silent), ("three", leased.host)):
        leased.make_vm(name, host=host, seen=Seen.RUNNING, lease_ends_at=PAST)
    assert end_leases() == 2
    assert set(Job.objects.values_list("subject_name", flat=True)) == {"one", "three"}


def test_the_engines_clock_does_it(leased: Site) -> None:
    over()
    clock = Fleet()
    clock._keep_time()
    clock._keep_time()
    assert Job.objects.get().kind == "vm.shutdown"
