"""The two hosts of a move, and what each has of the machine."""

from __future__ import annotations

from vrabec.hypervisor import migrate
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.migrate import Place
from vrabec.jobs.run import Run
from vrabec.models.hosts import Host
from vrabec.models.vms import Vm
from vrabec.workflows.hosts import connect

LOOK_SECONDS = 0.5
"""Between looks at how far it is: each one keeps QEMU from its work for a moment, also in the switch-over."""
SETTLE_SECONDS = 45.0
"""How long an end may wait for one that is gone: a host notices a dead controller after 30 s of silence."""


def source_of(run: Run) -> Host:
    """Where it comes from."""
    return Host.objects.get(pk=run.args["source"])


def target_of(run: Run) -> Host:
    """Where it goes to."""
    return Host.objects.get(pk=run.args["target"])


def both(run: Run) -> tuple[HostConnection, HostConnection]:
    """The run's connections to source and target. Raises Unavailable."""
    return connect(run, source_of(run)), connect(run, target_of(run))


def places(run: Run, vm: Vm) -> tuple[Place, Place]:
    """Of source and target. The target first: it runs only after the source stands still."""
    source, target = both(run)
    there = migrate.place(target, str(vm.uuid))
    return migrate.place(source, str(vm.uuid)), there
