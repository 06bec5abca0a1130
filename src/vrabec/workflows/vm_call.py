"""The call that moves a machine, and what is done meanwhile: looks, a cancel, an early switch-over."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from threading import Thread

from vrabec.hypervisor import connection, migrate
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.migrate import How, Progress
from vrabec.hypervisor.volumes import MIB
from vrabec.jobs.run import Run
from vrabec.lib.errors import Unavailable, VrabecError
from vrabec.lib.too_fast import TooFast
from vrabec.models.vms import Vm
from vrabec.services.targets import address_of
from vrabec.services.ways import uri_of
from vrabec.workflows import vm_disks, vm_ends
from vrabec.workflows.vm_ends import both, source_of, target_of

PASSES = 5
"""How often all that was written is sent again before a machine is switched over early."""


def wish_of(run: Run) -> TooFast:
    """What is done where it writes too fast; a job of an older version has no wish."""
    return TooFast(run.args.get("if_too_fast", TooFast.SLOW))


class Call(Thread):
    """The call that moves the machine, which returns when it is over; `error` is what it ended with.

    `goes_on`: with a post-copy that was torn.
    """

    def __init__(self, run: Run, vm: Vm, *, goes_on: bool = False) -> None:
        super().__init__(name=f"job {run.job.pk} moves", daemon=True)
        self.source, self.target = both(run)
        self.copies = vm_disks.copies_of(run)
        self._how = How(address_of(target_of(run)), self.copies, wish_of(run), goes_on=goes_on)
        self._uuid = str(vm.uuid)
        self.error: VrabecError | None = None

    def run(self) -> None:
        """Make it."""
        try:
            migrate.migrate(self.source, self.target, self._uuid, self._how)
        except VrabecError as error:  # raised again by who waits for it
            self.error = error


def carried_out(run: Run, vm: Vm, call: Call) -> Call:
    """The call once it is over. Raises when somebody cancels, the engine stops, or the target is gone."""
    call.start()
    try:
        _watch(run, vm, call)
    except BaseException:
        _abort(run, vm, call)
        raise
    finally:
        call.join()
    return call


def _watch(run: Run, vm: Vm, call: Call) -> None:
    before = None
    while True:
        call.join(vm_ends.LOOK_SECONDS)
        if not call.is_alive():
            return
        run.go_on()
        run.check()
        if not call.target.is_alive():
            raise Unavailable("%(host)s does not answer any more.", host=target_of(run).name)
        found = migrate.progress(second_line(run), str(vm.uuid), vm.memory_mib * MIB)
        if found:
            found = before = found.after(before, vm_ends.LOOK_SECONDS)
            tell(run, found)
            if wish_of(run) is TooFast.SWITCH and found.passes > PASSES:
                _switch(run, vm)


def tell(run: Run, found: Progress) -> None:
    """Say how far it is."""
    run.progress(found.percent, **asdict(found), seconds_left=found.seconds_left)


def _switch(run: Run, vm: Vm) -> None:
    """Let it run on the target before all is there, once. From then on the move cannot be undone."""
    if run.is_only_forward:
        return
    run.no_way_back()
    if migrate.switch_over(second_line(run), str(vm.uuid)):
        run.log("It is switched over early: it runs on %(host)s, the rest follows.", host=target_of(run).name)


def second_line(run: Run) -> HostConnection:
    """Another connection to the source: the first is busy with the call."""
    return run.resource("second line", lambda: connection.open_host(uri_of(source_of(run))))


def _abort(run: Run, vm: Vm, call: Call) -> None:
    """Until the call is over. Again and again: in its first moments a migration cannot be aborted yet.

    A source that is gone cannot be asked; then the call ends as its line does. So does one that was switched
    over early, which libvirt does not abort.
    """
    while call.is_alive():
        with suppress(VrabecError):
            migrate.abort(second_line(run), str(vm.uuid))
        call.join(vm_ends.LOOK_SECONDS)
