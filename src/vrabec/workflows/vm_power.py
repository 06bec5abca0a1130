"""How machines are started, stopped, restarted and paused. May they? services/verbs.py."""

from __future__ import annotations

import time
from contextlib import nullcontext

from vrabec.hypervisor import domains, events, lifecycle
from vrabec.hypervisor.spec import DomainState
from vrabec.jobs.plans import Args, Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import NoCapacity, Unavailable, WrongState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.facts import vm_restarted, write_vm
from vrabec.services.vms import SHUTDOWN_SECONDS
from vrabec.workflows.vms import host_of, start, stop, vm_of

REBOOT_PATIENCE_SECONDS = 90.0
KEY_PAUSE_SECONDS = 0.1
"""libvirt returns before QEMU has released the keys."""


def register_power() -> None:
    """Tell the engine the kinds of jobs that change whether and how a machine runs."""
    register("vm.start", Plan("Start", fixed(*START), per_host=8), START)
    register("vm.shutdown", Plan("Shut down", _shutdown, no_return="vm.pull_the_plug"), SHUTDOWN)
    register("vm.power_off", Plan("Power off", fixed(*POWER_OFF)), POWER_OFF)
    register("vm.reboot", Plan("Restart", fixed(*REBOOT)), REBOOT)
    register("vm.reset", Plan("Reset", fixed(*RESET)), RESET)
    register("vm.pause", Plan("Pause", fixed(*PAUSE)), PAUSE)
    register("vm.resume", Plan("Resume", fixed(*RESUME)), RESUME)
    register("vm.hibernate", Plan("Hibernate", fixed(*HIBERNATE), per_host=2), HIBERNATE)
    register("vm.send_keys", Plan("Press keys", fixed(*SEND_KEYS)), SEND_KEYS)
    register("vm.autostart_off", Plan("Forbid libvirt's own start", fixed(*AUTOSTART_OFF)), AUTOSTART_OFF)


def _state(run: Run) -> DomainState | None:
    """What the machine does now, as its host says; None when it is not there."""
    vm = vm_of(run)
    found = domains.facts(host_of(run, vm), str(vm.uuid))
    return found.state if found else None


# --- shut down


def _shutdown(args: Args) -> tuple[str, ...]:
    steps = ("vm.ask_to_shut_down", "vm.wait_until_off")
    return (*steps, "vm.pull_the_plug") if args.get("then_power_off") else steps


def _asked_at(run: Run) -> float:
    """When this run asked (time.monotonic); one that goes on after a crash begins to wait anew."""
    return run.resource("asked at", lambda: nullcontext(time.monotonic()))


def _ask_to_shut_down(run: Run) -> None:
    vm = vm_of(run)
    _asked_at(run)  # before: an agent that took it is waited for in the call, up to 60 s (libvirt 9.0)
    lifecycle.shutdown(host_of(run, vm), str(vm.uuid))


def _wish_back(run: Run) -> None:
    """The guest did not go: it should run, as before."""
    Vm.objects.filter(pk=run.job.vm_id or 0, is_managed=True).update(wished=Wished.ON)


def _wait_until_off(run: Run) -> None:
    vm = vm_of(run)
    seconds = int(run.args.get("deadline_seconds", SHUTDOWN_SECONDS))
    while _state(run) == DomainState.RUNNING:
        if time.monotonic() > _asked_at(run) + seconds:
            _did_not_listen(run, vm, seconds)
            return
        run.check()
        run.wait(0.5)
    write_vm(vm.pk, Seen.OFF)


def _did_not_listen(run: Run, vm: Vm, seconds: int) -> None:
    if not run.args.get("then_power_off"):
        raise Unavailable(
            "%(name)s did not shut down in %(seconds)s s: its guest does not listen. Power it off.",
            name=vm.name,
            seconds=seconds,
        )
    run.log("The guest did not shut down in %(seconds)s s: it is powered off.", seconds=seconds)


def _power_off(run: Run) -> None:
    """Switch it off at once; of a hibernated machine drop the memory."""
    vm = vm_of(run)
    stop(run)
    lifecycle.drop_saved_memory(host_of(run, vm), str(vm.uuid))
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
    vm_restarted(vm.pk)


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
    vm_restarted(vm.pk)


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


# --- hibernate


def _hibernate(run: Run) -> None:
    vm = vm_of(run)
    try:
        lifecycle.hibernate(host_of(run, vm), str(vm.uuid))
    except NoCapacity as error:
        raise NoCapacity(
            "The host has too little space to save the %(mib)s MiB of memory of %(name)s: it runs on.",
            mib=vm.memory_mib,
            name=vm.name,
            raw=error.raw,
        ) from error
    write_vm(vm.pk, Seen.HIBERNATED)


def _run_on(run: Run) -> None:
    """Undo a hibernation: the machine runs, whatever became of the call, and should."""
    vm = vm_of(run)
    Vm.objects.filter(pk=vm.pk, is_managed=True).update(wished=run.args.get("was_wished", Wished.ON))
    state = _state(run)
    if state == DomainState.HIBERNATED:
        start(run)
    elif state == DomainState.PAUSED:
        _resume(run)


# --- keys


def _press_keys(run: Run) -> None:
    """Once and no more: keys that were typed twice may do harm, so a crash ends it."""
    vm = vm_of(run)
    if run.job.generation > 1:
        raise Unavailable(
            "Vrabec was started anew meanwhile: some keys may have reached %(name)s. Send the rest.",
            name=vm.name,
        )
    for codes in run.args["codes"]:
        lifecycle.press(host_of(run, vm), str(vm.uuid), codes)
        run.wait(KEY_PAUSE_SECONDS)
    run.forget("codes")


# --- what libvirt would start by itself


def _autostart_off(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.set_autostart(host_of(run, vm), str(vm.uuid), on=False)
    write_vm(vm.pk, autostart=False)


START = {"vm.start": Step("Start it", start)}
SHUTDOWN = {
    "vm.ask_to_shut_down": Step("Ask the guest to shut down", _ask_to_shut_down, _wish_back),
    "vm.wait_until_off": Step("Wait until it is off", _wait_until_off),
    "vm.pull_the_plug": Step("Power off, if it is not off yet", stop),
}
POWER_OFF = {"vm.power_off": Step("Power off", _power_off)}
REBOOT = {"vm.reboot": Step("Ask the guest to restart, and wait until it does", _reboot)}
RESET = {"vm.reset": Step("Reset it", _reset)}
PAUSE = {"vm.pause": Step("Pause it", _pause, _resume_again)}
RESUME = {"vm.resume": Step("Let it go on", _resume, _pause_again)}
HIBERNATE = {"vm.hibernate": Step("Save its memory and switch it off", _hibernate, _run_on)}
SEND_KEYS = {"vm.press_keys": Step("Press the keys", _press_keys)}
AUTOSTART_OFF = {"vm.autostart_off": Step("Switch libvirt's own start off", _autostart_off)}
