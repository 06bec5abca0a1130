"""How machines are started, stopped, restarted and paused. May they? services/verbs.py."""

from __future__ import annotations

import time

from vrabec.hypervisor import events, lifecycle
from vrabec.hypervisor.spec import DomainState
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import Unavailable, WrongState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.facts import write_vm
from vrabec.workflows.vms import host_of, start, stop, vm_of

SHUTDOWN_PATIENCE_SECONDS = 90.0
REBOOT_PATIENCE_SECONDS = 90.0


def register_power() -> None:
    """Tell the engine the kinds of jobs that change whether and how a machine runs."""
    register("vm.start", Plan("Start", fixed(*START), per_host=8), START)
    register("vm.shutdown", Plan("Shut down", fixed(*SHUTDOWN)), SHUTDOWN)
    register("vm.power_off", Plan("Power off", fixed(*POWER_OFF)), POWER_OFF)
    register("vm.reboot", Plan("Restart", fixed(*REBOOT)), REBOOT)
    register("vm.reset", Plan("Reset", fixed(*RESET)), RESET)
    register("vm.pause", Plan("Pause", fixed(*PAUSE)), PAUSE)
    register("vm.resume", Plan("Resume", fixed(*RESUME)), RESUME)


def _state(run: Run) -> DomainState | None:
    """What the machine does now, as its host says; None when it is not there."""
    vm = vm_of(run)
    found = lifecycle.facts(host_of(run, vm), str(vm.uuid))
    return found.state if found else None


# --- shut down


def _ask_to_shut_down(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.shutdown(host_of(run, vm), str(vm.uuid))


def _wish_back(run: Run) -> None:
    """The guest did not go: it should run, as before."""
    Vm.objects.filter(pk=run.job.vm_id or 0, is_managed=True).update(wished=Wished.ON)


def _wait_until_off(run: Run) -> None:
    vm = vm_of(run)
    deadline = time.monotonic() + SHUTDOWN_PATIENCE_SECONDS
    while _state(run) == DomainState.RUNNING:
        if time.monotonic() > deadline:
            raise Unavailable(
                "%(name)s did not shut down in %(seconds)s s: its guest does not listen. Power it off.",
                name=vm.name,
                seconds=int(SHUTDOWN_PATIENCE_SECONDS),
            )
        run.check()
        run.wait(0.5)
    write_vm(vm.pk, Seen.OFF)


# --- restart


def _reboot(run: Run) -> None:
    """Ask and wait in one step: done again after a crash it asks again: the answer may have been missed."""
    vm = vm_of(run)
    host = host_of(run, vm)
    with events.restarts(host, str(vm.uuid)) as restarted:
        lifecycle.reboot(host, str(vm.uuid))
        deadline = time.monotonic() + REBOOT_PATIENCE_SECONDS
        while not restarted.is_set():
            _require_patience(run, vm, deadline)
            run.check()
            run.wait(0.2)


def _require_patience(run: Run, vm: Vm, deadline: float) -> None:
    if _state(run) not in (DomainState.RUNNING, DomainState.PAUSED):
        raise WrongState("%(name)s stopped instead of restarting: start it.", name=vm.name)
    if time.monotonic() > deadline:
        raise Unavailable(
            "%(name)s did not restart in %(seconds)s s: its guest does not listen. Reset it.",
            name=vm.name,
            seconds=int(REBOOT_PATIENCE_SECONDS),
        )


def _reset(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.reset(host_of(run, vm), str(vm.uuid))


# --- pause


def _pause(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.pause(host_of(run, vm), str(vm.uuid))
    write_vm(vm.pk, Seen.PAUSED)


def _resume(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.resume(host_of(run, vm), str(vm.uuid))
    write_vm(vm.pk, Seen.RUNNING)


def _resume_again(run: Run) -> None:
    """Undo a pause; a machine that went off meanwhile has none."""
    if _state(run) == DomainState.PAUSED:
        _resume(run)


def _pause_again(run: Run) -> None:
    """Undo a resume."""
    if _state(run) == DomainState.RUNNING:
        _pause(run)


START = {"vm.start": Step("Start it", start)}
SHUTDOWN = {
    "vm.ask_to_shut_down": Step("Ask the guest to shut down", _ask_to_shut_down, _wish_back),
    "vm.wait_until_off": Step("Wait until it is off", _wait_until_off),
}
POWER_OFF = {"vm.power_off": Step("Power off", stop)}
REBOOT = {"vm.reboot": Step("Ask the guest to restart, and wait until it does", _reboot)}
RESET = {"vm.reset": Step("Reset it", _reset)}
PAUSE = {"vm.pause": Step("Pause it", _pause, _resume_again)}
RESUME = {"vm.resume": Step("Let it go on", _resume, _pause_again)}
