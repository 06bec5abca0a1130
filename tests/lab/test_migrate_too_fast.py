"""Guests that write faster than the line carries: waited for, slowed down, or switched over early."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event, Thread

import libvirt
import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import lab_pair
from tests.lab.guests import writing
from tests.lab.host import LabHost
from tests.lab.pair import Pair, apart, told, two_hosts
from tests.service.made_up import end_of, until
from vrabec.hypervisor import connection, lifecycle, migrate
from vrabec.hypervisor.migrate import How, Place
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import VrabecError, WrongState
from vrabec.lib.too_fast import TooFast
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Wished
from vrabec.services.jobs import cancel_job, retry_job
from vrabec.services.vm_migrate import migrate_vm
from vrabec.workflows import vm_call, vm_ends

__all__ = ["apart", "engine", "lab_pair"]
pytestmark = pytest.mark.lab
LINE = 8
"""MiB a second: a seventh of what the guest writes."""


@pytest.fixture
def writer(
    engine: None,
    lab_pair: tuple[LabHost, LabHost],
    shared: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Pair]:
    """A guest that writes without end, hosts with one folder, and a slow line; slower after a switch-over."""
    monkeypatch.setattr(vm_ends, "SETTLE_SECONDS", 3)
    monkeypatch.setattr(vm_call, "PASSES", 0)
    (tmp_path / "raw").write_bytes(writing().ljust(2**20, b"\0"))
    template = tmp_path / "template.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", tmp_path / "raw", template], check=True)
    with two_hosts(lab_pair, str(template)) as made:
        limit(made, LINE)
        limit(made, 1, libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
        yield made


def limit(pair: Pair, mib: int, kind: int = 0) -> None:
    with pair.hosts[0].calling() as raw:
        raw.lookupByUUIDString(pair.uuid).migrateSetMaxSpeed(mib, kind)


def passes(job: Job) -> int:
    return int(told(job).get("passes", 0))


def switched(pair: Pair) -> Job:
    """A move that has just switched over, and would take long for the rest."""
    job = migrate_vm(SYSTEM, vm=pair.row, to="two", if_too_fast="switch")
    until(lambda: pair.places == (Place.HALF, Place.HALF) or not Job.objects.get(pk=job.pk).is_active)
    assert pair.places == (Place.HALF, Place.HALF), Job.objects.get(pk=job.pk).error_message
    return job


def is_there(pair: Pair) -> None:
    """It runs on the second host and is known to no other."""
    assert pair.places == (Place.ABSENT, Place.ON)
    assert pair.virsh == [[], ["main.swept"]]
    assert (pair.at, pair.row.seen, pair.row.wished) == ("two", Seen.RUNNING, Wished.ON)


def is_here(pair: Pair) -> None:
    """It runs on the first."""
    assert pair.places == (Place.ON, Place.ABSENT)
    assert pair.virsh == [["main.swept"], []]
    assert (pair.at, pair.row.seen, pair.row.wished) == ("one", Seen.RUNNING, Wished.ON)


def ended(job: Job) -> Job:
    """As it ends, also for so hasty an engine."""
    job = end_of(job)
    return end_of(retry_job(SYSTEM, job=job)) if job.state == JobState.STUCK else job


def test_one_that_is_waited_for_never_ends_and_one_that_is_slowed_down_does(writer: Pair) -> None:
    waits = migrate_vm(SYSTEM, vm=writer.row, to="two", if_too_fast="wait")
    until(lambda: passes(waits) > 8)
    assert writer.places == (Place.ON, Place.BETWEEN)
    cancel_job(SYSTEM, job=Job.objects.get(pk=waits.pk))
    assert end_of(waits).state == JobState.CANCELLED
    is_here(writer)
    slowed = end_of(migrate_vm(SYSTEM, vm=writer.row, to="two"))
    assert (slowed.state, slowed.error_message) == (JobState.DONE, "")
    is_there(writer)


def test_one_that_is_switched_over_early_is_taken_up_again_and_cannot_be_cancelled(
    writer: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vm_call, "PASSES", 2)
    job = switched(writer)
    assert passes(job) > 2
    with pytest.raises(WrongState, match="too late to cancel"):
        cancel_job(SYSTEM, job=Job.objects.get(pk=job.pk))
    with pytest.raises(WrongState, match="retry its move"):
        lifecycle.resume(writer.hosts[0], writer.uuid)
    with writer.hosts[0].calling() as raw:
        raw.lookupByUUIDString(writer.uuid).abortJobFlags(libvirt.VIR_DOMAIN_ABORT_JOB_POSTCOPY)
    done = ended(job)
    assert done.state == JobState.DONE, done.error_message
    said = {line.message for line in done.lines.all()}
    assert said >= {
        "It is switched over early: it runs on two, the rest follows.",
        "The move was torn after its switch-over, and was taken up again.",
    }
    is_there(writer)


@pytest.mark.parametrize("dies", [1, 0], ids=["target", "source"])
def test_a_host_that_dies_takes_its_half_along_and_it_begins_anew(writer: Pair, dies: int) -> None:
    job = switched(writer)
    writer.labs[dies].power_loss()
    until(lambda: Job.objects.get(pk=job.pk).tries or not Job.objects.get(pk=job.pk).is_active)
    assert migrate.place(writer.hosts[1 - dies], writer.uuid) == Place.HALF
    writer.labs[dies].power_on()
    failed = ended(job)
    assert failed.state == JobState.FAILED
    name = writer.labs[dies].name
    assert failed.error_message.startswith(f"{name} lost its half of the machine in the middle of the move")
    with connection.open_host(writer.labs[dies].uri) as writer.hosts[dies]:
        is_here(writer)


@contextmanager
def asked_to_go_on(pair: Pair) -> Iterator[None]:
    """Somebody asks the source all the time to go on: half of the time it misses the end so."""
    uuid, over = pair.uuid, Event()

    def ask() -> None:
        with connection.open_host(pair.labs[0].uri) as source:
            while not over.wait(0.003):
                with suppress(VrabecError):
                    migrate.migrate(source, source, uuid, How(too_fast=TooFast.SWITCH, goes_on=True))

    asking = Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()


@pytest.mark.parametrize("beside", [nullcontext, asked_to_go_on], ids=["alone", "asked"])
def test_daemons_that_die_leave_the_stream_alone(
    writer: Pair, beside: Callable[..., AbstractContextManager[None]]
) -> None:
    job = switched(writer)
    for lab in reversed(writer.labs):
        lab.restart_libvirtd()
    with beside(writer):
        done = ended(job)
    assert done.state == JobState.DONE, done.error_message
    one, two = writer.labs
    with connection.open_host(one.uri) as writer.hosts[0], connection.open_host(two.uri) as writer.hosts[1]:
        is_there(writer)


def test_where_disks_go_along_it_is_refused_before_anything_begins(apart: Pair) -> None:
    job = end_of(migrate_vm(SYSTEM, vm=apart.row, to="two", if_too_fast="switch"))
    assert job.error_message.startswith("It cannot be switched over early: its disks go along")
    is_here(apart)
    assert apart.volumes[1] == []
