"""How a running machine moves to another host. May it? services/vm_migrate.py.

A call that broke off is never believed: both hosts are looked at, and a machine that runs on the target has
moved. The switch-over is QEMU's own; the plan's point of no return comes after it, when the row follows.
"""

from __future__ import annotations

from time import monotonic

from vrabec.hypervisor import domains, facts, lifecycle, migrate, needs
from vrabec.hypervisor.migrate import Place
from vrabec.hypervisor.spec import DomainFacts, DomainState, OffReason
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import Conflict, HostError, Unavailable, WrongState
from vrabec.lib.fit import missing
from vrabec.lib.too_fast import TooFast
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.facts import vm_moved, write_vm
from vrabec.services.vm_xml import Told, write_xml
from vrabec.workflows import vm_disks, vm_ends, vm_halves
from vrabec.workflows.hosts import connect
from vrabec.workflows.vm_call import Call, carried_out, wish_of
from vrabec.workflows.vm_ends import both, places, source_of, target_of
from vrabec.workflows.vms import vm_of


def register_migrate() -> None:
    """Tell the engine the kind of job that moves machines."""
    plan = Plan("Move", fixed(*MIGRATE), no_return="vm.migrate_arrive", per_host=2)
    register("vm.migrate", plan, MIGRATE)


def _has_moved(here: Place, there: Place) -> bool:
    """It runs there, or did and was stopped since: the source forgets it only once the target has it."""
    if here == there == Place.ON:
        raise HostError("It runs on both hosts. Stop the copy that should not be, then retry.")
    if (here, there) == (Place.BETWEEN, Place.OFF):
        raise HostError(
            "It was switched over and does not run on either host: nobody knows whether it ran on the new "
            "one. Start it there, or remove it there and resume it on the old one; then retry."
        )
    if Place.HALF in (here, there):
        return (here, there) == (Place.HALF, Place.OFF)  # what a source keeps, the target may still need
    return there == Place.ON or (here == Place.ABSENT and there != Place.ABSENT)


# --- check


def _check(run: Run) -> None:
    """What only the hosts know, before anything begins. libvirt looks at the rest when the move begins."""
    vm = vm_of(run)
    source, target = both(run)
    if "lost" in run.args:  # by the job that this one is a new try of
        run.forget("lost")
    here, there = places(run, vm)
    if Place.HALF in (here, there):
        raise Conflict(
            "%(name)s is between two hosts: somebody else's move of it was switched over before all was "
            "there, and has not ended. `virsh migrate --postcopy-resume` goes on with it.",
            name=vm.name,
        )
    if _has_moved(here, there):
        return
    found = domains.facts(source, str(vm.uuid))
    if here != Place.ON or found is None:
        raise WrongState("%(name)s does not run any more.", name=vm.name)
    if migrate.is_leaving(source, str(vm.uuid)):
        raise Conflict("Somebody else moves %(name)s already, on its host.", name=vm.name)
    if there != Place.ABSENT or migrate.has_name(target, found.name):
        raise Conflict(
            "%(host)s has a machine with the name or UUID of %(name)s already.",
            host=target_of(run).name,
            name=vm.name,
        )
    for words, params in missing(found.needs, facts.host_facts(target).offers):
        raise Conflict("It cannot move there. %(why)s", why=words % params)
    needs.require_cpu(target, found.xml)


def _find_disks(run: Run) -> None:
    vm = vm_of(run)
    source, target = both(run)
    found = domains.facts(source, str(vm.uuid))
    if found and not _has_moved(*places(run, vm)):
        vm_disks.find(run, source, target, found.xml)
        if wish_of(run) is TooFast.SWITCH and vm_disks.copies_of(run).devices:
            raise Conflict(
                "It cannot be switched over early: its disks go along, and it must not run there before they "
                "are. Choose another way for a guest that writes too fast."
            )


def _forget_marks(run: Run) -> None:
    """Undo: a host that is away keeps its empty file, and the job does not wait for it."""
    for host in (source_of(run), target_of(run)) if run.args.get("marked") else ():
        try:
            vm_disks.forget_marks(run, connect(run, host))
        except Unavailable as error:
            run.log("An empty file may be left on %(host)s. %(why)s", host=host.name, why=str(error))


# --- move


def _move(run: Run) -> None:
    vm = vm_of(run)
    if not _calm(run, vm):
        run.way_back()
        vm_halves.require_not_lost(run)
        _copy(run, vm)
    _wake(run, vm)
    _say(run, vm)


def _copy(run: Run, vm: Vm) -> None:
    vm_disks.make(run, vm, *both(run))
    call = carried_out(run, vm, Call(run, vm))
    if (call.error or call.copies.devices) and not _has_moved(*places(run, vm)):
        raise call.error or HostError("Its old host has not let it go.")


def _wake(run: Run, vm: Vm) -> None:
    """Let it go on where it has moved with its disks: only now has the source no half that could."""
    target = connect(run, target_of(run))
    if migrate.place(target, str(vm.uuid)) == Place.BETWEEN:
        lifecycle.resume(target, str(vm.uuid))


def _say(run: Run, vm: Vm) -> None:
    stood_still = migrate.downtime_ms(connect(run, target_of(run)), str(vm.uuid))
    if stood_still is not None:
        run.log("It stood still for %(ms)s ms.", ms=stood_still)
        run.told(downtime_ms=stood_still)


# --- what a call leaves that broke off


def _calm(run: Run, vm: Vm) -> bool:
    """End what a dead call left, so that the machine runs on its source and the target has nothing of it.

    Neither end is touched while both wait: the target may be about to run. libvirt drops the target's half
    itself when it notices that nobody holds it any more. Returns True, and ends nothing, where it has moved.
    """
    vm_halves.join(run, vm)
    uuid = str(vm.uuid)
    source, target = both(run)
    deadline = monotonic() + vm_ends.SETTLE_SECONDS
    while (found := places(run, vm))[1] == Place.BETWEEN or migrate.is_leaving(source, uuid):
        if found[0] == Place.ON:
            migrate.abort(source, uuid)
        if found[0] in (Place.ABSENT, Place.HALF) or monotonic() > deadline:
            break
        run.wait(vm_ends.LOOK_SECONDS)
    here, there = places(run, vm) if found != (Place.ON, Place.ABSENT) else found
    if _has_moved(here, there):
        return True
    if there != Place.ABSENT:
        lifecycle.destroy(target, uuid)
        lifecycle.undefine(target, uuid)
    if here == Place.BETWEEN:
        lifecycle.resume(source, uuid)
    return False


def _stay(run: Run) -> None:
    """Undo: it runs on where it was. One that has moved all the same has moved."""
    vm = vm_of(run)
    if _calm(run, vm):
        run.log("It had moved to %(host)s already.", host=target_of(run).name)
        _wake(run, vm)
        _arrive(run)
        _leave(run)
        return
    source, target = both(run)
    vm_disks.delete(run, target)
    found = domains.facts(source, str(vm.uuid))
    was_lost = found is not None and ("lost" in run.args or _was_lost(found))
    if was_lost and vm.wished == Wished.ON:
        lifecycle.start(source, str(vm.uuid))
        found = domains.facts(source, str(vm.uuid))
    if found:
        write_vm(vm.pk, Seen[found.state.name])


def _was_lost(found: DomainFacts) -> bool:
    """Its host lost power while it moved, say: nobody meant it to be off."""
    is_off = found.state in (DomainState.OFF, DomainState.CRASHED)
    return is_off and found.off_reason not in (OffReason.SHUTDOWN, OffReason.DESTROYED)


# --- arrive


def _arrive(run: Run) -> None:
    """The row follows the machine. Its wish stays."""
    vm, target = vm_of(run), target_of(run)
    found = domains.facts(connect(run, target), str(vm.uuid))
    if found is None:
        raise Unavailable("%(name)s is not on %(host)s any more.", name=vm.name, host=target.name)
    vm_moved(vm.pk, target.pk, is_ready=bool(run.args.get("was_ready")))
    write_xml(vm.pk, Told(found.xml, found.needs, found.digest, found.agent_connected))
    write_vm(vm.pk, Seen[found.state.name], domain_name=found.name)


def _leave(run: Run) -> None:
    """The source forgets it; libvirt has done so itself, unless the call broke off."""
    vm, source = vm_of(run), connect(run, source_of(run))
    if vm.host_id == run.args["source"]:
        return  # somebody moved it back, before this was tried again
    if migrate.place(source, str(vm.uuid)) == Place.ON:
        raise HostError("It runs on both hosts. Stop the copy that should not be, then retry.")
    lifecycle.destroy(source, str(vm.uuid))
    lifecycle.undefine(source, str(vm.uuid))
    vm_disks.delete(run, source)


MIGRATE = {
    "vm.migrate_check": Step("Look whether it can move", _check),
    "vm.migrate_disks": Step("Look which disks must go along", _find_disks, _forget_marks),
    "vm.migrate_move": Step("Copy its memory and disks, then switch over", _move, _stay),
    "vm.migrate_arrive": Step("Follow it to its new host", _arrive),
    "vm.migrate_leave": Step("Forget it on the old one", _leave),
}
