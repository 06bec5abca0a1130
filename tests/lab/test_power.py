"""Verbs on a real machine whose guest listens to nobody, as one that is stopped in its boot loader."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host import LabHost
from tests.service.conftest import quick, start_engine
from tests.sweep.machines import make_template
from tests.sweep.verbs import OneMachine, bring
from vrabec.hypervisor import connection, domains, events, lifecycle
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import DomainFacts, Standing
from vrabec.inventory.rows import Rows
from vrabec.jobs.plans import PLANS
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import vms
from vrabec.services.facts import write_vm
from vrabec.workflows import register_all, vm_power

__all__ = ["quick", "start_engine"]
pytestmark = pytest.mark.lab
PATIENCE_S = 60


class Machine:
    """The machine, and an engine that does what it is asked."""

    def __init__(self, host: HostConnection) -> None:
        self.host = host

    @property
    def row(self) -> Vm:
        return Vm.objects.select_related("host", "project").get()

    @property
    def found(self) -> DomainFacts:
        found = domains.facts(self.host, str(self.row.uuid))
        assert found
        return found

    @property
    def told(self) -> tuple[str, str, str]:
        """What host, row and wish say."""
        return self.found.state, Seen(self.row.seen).name.lower(), self.row.wished

    def bring(self, state: str) -> None:
        """Into this state, by hand."""
        bring(self.host, str(self.row.uuid), state)
        write_vm(self.row.pk, Seen[state.upper()])

    def do(self, verb: str, **arguments: Any) -> Job:
        """The verb's job, once it has ended."""
        return self.ended(getattr(vms, f"{verb}_vm")(SYSTEM, vm=self.row, **arguments))

    def ended(self, job: Job) -> Job:
        """The job, once it has."""
        deadline = time.monotonic() + PATIENCE_S
        while (job := Job.objects.get(pk=job.pk)).is_active:
            assert time.monotonic() < deadline, job.state
            time.sleep(0.02)
        return job


@pytest.fixture
def machine(
    fresh_lab_host: LabHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_engine: Callable[..., Any]
) -> Iterator[Machine]:
    """It runs."""
    if "vm.start" not in PLANS:
        register_all()
    monkeypatch.setattr(vm_power, "REBOOT_PATIENCE_SECONDS", 0.5)
    with connection.open_host(fresh_lab_host.uri) as host:
        scenario = OneMachine(fresh_lab_host.uri, make_template(tmp_path / "template.qcow2"))
        scenario.host = host
        scenario.prepare()
        start_engine()
        yield Machine(host)


def test_a_guest_that_does_not_listen_fails_the_shutdown_and_runs_on(machine: Machine) -> None:
    job = machine.do("shutdown", deadline_seconds=1)
    assert job.state == JobState.FAILED
    assert job.error_message == "swept did not shut down in 1 s: its guest does not listen. Power it off."
    assert machine.told == ("running", "running", Wished.ON)


def test_after_the_deadline_the_plug_is_pulled_where_that_was_asked(machine: Machine) -> None:
    job = machine.do("shutdown", deadline_seconds=1, then_power_off=True)
    assert (job.state, len(job.plan)) == (JobState.DONE, 3)
    assert [line.message for line in job.lines.all()] == [
        "The guest did not shut down in 1 s: it is powered off."
    ]
    assert machine.told == ("off", "off", Wished.OFF)


def test_a_guest_that_does_not_restart_is_told(machine: Machine) -> None:
    job = machine.do("reboot")
    assert job.error_message == "swept did not restart in 0 s: its guest does not listen. Reset it."
    assert machine.told == ("running", "running", Wished.ON)
    assert machine.do("reset").state == JobState.DONE


def test_a_pause_and_a_resume_are_seen_on_the_host(machine: Machine) -> None:
    assert machine.do("pause").state == JobState.DONE
    assert machine.told == ("paused", "paused", Wished.ON)
    assert machine.do("resume").state == JobState.DONE
    assert machine.told == ("running", "running", Wished.ON)


def test_a_machine_hibernates_wakes_and_forgets(machine: Machine) -> None:
    assert machine.do("hibernate").state == JobState.DONE
    assert machine.told == ("hibernated", "hibernated", Wished.OFF)
    assert machine.do("start").state == JobState.DONE
    assert machine.told == ("running", "running", Wished.ON)
    machine.do("hibernate")
    assert machine.do("power_off").state == JobState.DONE
    assert machine.told == ("off", "off", Wished.OFF)


def test_hibernating_with_too_little_space_is_a_sentence_and_the_machine_runs_on(
    machine: Machine, fresh_lab_host: LabHost
) -> None:
    fresh_lab_host.fill_disk()
    job = machine.do("hibernate")
    assert job.state == JobState.FAILED
    assert job.error_message.startswith("The host has too little space to save the 64 MiB of memory of swept")
    assert machine.told == ("running", "running", Wished.ON)
    fresh_lab_host.free_disk()
    assert list((fresh_lab_host.storage / "qemu/save").glob("*.save")) == []
    assert machine.do("hibernate").state == JobState.DONE


def test_a_hibernated_machine_stays_so_when_its_host_loses_power(
    machine: Machine, fresh_lab_host: LabHost
) -> None:
    machine.do("hibernate")
    fresh_lab_host.power_loss()
    fresh_lab_host.power_on()
    with connection.open_host(fresh_lab_host.uri) as machine.host:
        rows = Rows(Host.objects.get().pk)
        rows.saw(machine.found.uuid, machine.found)
        rows.keep_wishes([Standing.of(machine.found)])
        assert machine.told == ("hibernated", "hibernated", Wished.OFF)
        assert machine.do("start").state == JobState.DONE
        assert machine.told == ("running", "running", Wished.ON)


def test_deleting_a_hibernated_machine_leaves_no_memory_behind(
    machine: Machine, fresh_lab_host: LabHost
) -> None:
    machine.do("hibernate")
    uuid = str(machine.row.uuid)
    assert machine.do("delete").state == JobState.DONE
    assert domains.facts(machine.host, uuid) is None
    assert list((fresh_lab_host.storage / "qemu/save").glob("*.save")) == []


def test_keys_are_pressed_and_not_kept(machine: Machine) -> None:
    deadline = time.monotonic() + PATIENCE_S
    with events.restarts(machine.host, str(machine.row.uuid)) as restarted:
        while not restarted.wait(1):  # its firmware listens once it has given up to boot
            assert time.monotonic() < deadline
            job = machine.do("send_keys", keys=["ctrl-alt-delete"])
    assert (job.state, job.args) == (JobState.DONE, {})


def test_libvirts_own_start_of_a_managed_machine_is_switched_off(machine: Machine) -> None:
    uuid = str(machine.row.uuid)
    lifecycle.set_autostart(machine.host, uuid, on=True)
    rows = Rows(Host.objects.get().pk)
    rows.saw(uuid, machine.found)
    assert machine.row.autostart
    rows.check_autostart(machine.found)
    machine.ended(Job.objects.get(kind="vm.autostart_off"))
    assert not machine.found.autostart
    assert not machine.row.autostart
    rows.check_autostart(machine.found)
    assert Job.objects.count() == 1
