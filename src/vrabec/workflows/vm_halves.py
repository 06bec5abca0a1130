"""A machine of which each host has a half: it was switched over early, before all its memory was there.

The half on the target runs, and waits wherever it needs memory that the source still has. Neither goes on
alone, so that neither is dropped while the other is there, whatever died: the stream between them is taken up
again. Only where one host has lost its half is the other's worth nothing (docs/design/migration.md).
"""

from __future__ import annotations

from time import monotonic

from vrabec.hypervisor import domains, lifecycle, migrate
from vrabec.hypervisor.migrate import Place
from vrabec.hypervisor.spec import OffReason
from vrabec.hypervisor.volumes import MIB
from vrabec.jobs.run import Run
from vrabec.lib.errors import HostError, Unavailable, WrongState
from vrabec.models.vms import Vm
from vrabec.workflows import vm_ends
from vrabec.workflows.vm_call import Call, carried_out, second_line, tell
from vrabec.workflows.vm_ends import both, places, source_of, target_of

HALF = Place.HALF
_LOST = (
    "%(host)s lost its half of the machine in the middle of the move: what was in its memory is gone. It "
    "stays on %(source)s and begins anew from its disks, if it should run."
)
_TORN = (
    "It was torn in the middle of the move: %(source)s and %(target)s have a half each, and memory does not "
    "get across. Both are kept. Look whether the hosts reach each other, then retry."
)
_BY_WILL = (OffReason.SHUTDOWN, OffReason.DESTROYED)


def join(run: Run, vm: Vm) -> None:
    """Return once no host has a half that the other needs: it is whole there, or lost.

    Raises HostError when neither comes about, with both halves as they are.
    """
    deadline, left = monotonic() + vm_ends.SETTLE_SECONDS, None
    while HALF in (found := places(run, vm)):
        here, there = found
        if here == HALF and there in (Place.ABSENT, Place.OFF):
            return None if _ended_by_will(run, vm) else _lose(run, vm, target_of(run).name)
        if found == (HALF, Place.ON):
            _end_what_was_all_sent(run, vm)
        if found == (HALF, HALF):
            if (now_left := _left(run, vm)) == left:
                _take_up(run, vm)
            else:
                deadline, left = monotonic() + vm_ends.SETTLE_SECONDS, now_left
        if monotonic() > deadline:
            return _despair(run, vm, found)
        run.wait(vm_ends.LOOK_SECONDS)
    return None


def _ended_by_will(run: Run, vm: Vm) -> bool:
    """It was shut down there after the switch: it has moved, and is off."""
    found = domains.facts(both(run)[1], str(vm.uuid))
    return found is not None and found.off_reason in _BY_WILL


def _end_what_was_all_sent(run: Run, vm: Vm) -> None:
    """It is whole there, and the source does not know: libvirt 9.0 misses that while it is asked to go on."""
    source, target = both(run)
    if migrate.is_whole(target, str(vm.uuid)):
        lifecycle.destroy(source, str(vm.uuid))


def _take_up(run: Run, vm: Vm) -> None:
    """Let a stream go on that stands still. One that runs by itself all the same says so by WrongState.

    A host that breaks off meanwhile is asked again when a person retries, not before: the target's libvirtd
    11.3 dies of it. Guest and halves outlive that.
    """
    if run.job.tries and run.args.get("broke_off"):
        raise HostError(_TORN, source=source_of(run).name, target=target_of(run).name)
    try:
        call = carried_out(run, vm, Call(run, vm, goes_on=True))
    except Unavailable:
        run.remember(broke_off=True)
        raise
    if isinstance(call.error, Unavailable):
        run.remember(broke_off=True)
    if call.error is None:
        run.log("The move was torn after its switch-over, and was taken up again.")
    elif not isinstance(call.error, WrongState):
        raise call.error


def _left(run: Run, vm: Vm) -> int:
    """Bytes that are still to come; -1 when nobody can tell."""
    found = migrate.progress(second_line(run), str(vm.uuid), vm.memory_mib * MIB)
    if found:
        tell(run, found)
    return found.left_bytes if found else -1


def _despair(run: Run, vm: Vm, found: tuple[Place, Place]) -> None:
    """The deadline is over. What a source had that is off is gone, unless it was all sent before."""
    source = domains.facts(both(run)[0], str(vm.uuid))
    if found == (Place.OFF, HALF) and source and source.off_reason != OffReason.MIGRATED:
        return _lose(run, vm, source_of(run).name)
    raise HostError(_TORN, source=source_of(run).name, target=target_of(run).name)


def _lose(run: Run, vm: Vm, host: str) -> None:
    """End the half that is left: it can neither go on nor be made whole. The source keeps the definition."""
    source, target = both(run)
    uuid = str(vm.uuid)
    run.remember(lost=host)
    lifecycle.keep(source, uuid)
    for end in (target, source):
        lifecycle.destroy(end, uuid)
    lifecycle.undefine(target, uuid)


def require_not_lost(run: Run) -> None:
    """Raise HostError, in words, when one host has lost its half."""
    if lost := run.args.get("lost"):
        raise HostError(_LOST, host=lost, source=source_of(run).name)
