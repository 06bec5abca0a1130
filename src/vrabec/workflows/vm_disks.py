"""How the disks of a moving machine go along, where hosts have pools of their own. The rest: vm_migrate.py.

Until it has moved the source's disks are the machine and the target's a copy, afterwards the other way round.
Nothing here deletes before `find` proved, and the job's row says, that they are two files.
"""

from __future__ import annotations

from dataclasses import asdict
from io import BytesIO
from itertools import product
from pathlib import PurePath
from typing import Any

from vrabec.hypervisor import disks, storage, transfer
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.disks import Disk
from vrabec.hypervisor.migrate import Copies
from vrabec.hypervisor.volumes import MIB
from vrabec.jobs.run import Run
from vrabec.lib.errors import Conflict, NoCapacity
from vrabec.models.hosts import Host
from vrabec.models.vms import Vm
from vrabec.workflows.templates import template_on_host, template_volume

CARRIED_BYTES = 64 * MIB
"""What we carry ourselves of a disk that a guest cannot write, such as a seed: QEMU copies none of these."""


def find(run: Run, source: HostConnection, target: HostConnection, xml: str) -> None:
    """Learn which disks must go along, and whether they can. Raises NoCapacity, Conflict.

    The job's row says it before the first is made, and never of a name that the target has already. A pool
    that holds nothing which a guest writes may be read-only: what lies there must be on both hosts.
    """
    found = disks.disks_of(source, xml)
    marks = [_mark(run, generation) for generation in range(1, run.job.generation + 1)]
    pools = {disk.pool for disk in found if not disk.is_readonly}
    for host, pool, mark in product((source, target), pools, marks[:-1]):
        storage.delete_volume(host, pool, mark)
    run.remember(marked=sorted(pools))
    apart = {pool for pool in pools if disks.are_apart(source, target, pool, marks[-1])}
    copies = [disk for disk in found if disk.pool in apart]
    backings = {PurePath(disk.backing_path).name for disk in copies} - {""}
    on_backing = backings == {_template_volume(run)}
    for disk in copies:
        _require_free(run, target, disk)
    for pool in apart:
        _require_room(run, target, [disk for disk in copies if disk.pool == pool], on_backing=on_backing)
    run.remember(copies=[asdict(disk) for disk in copies], on_backing=on_backing, marked=[])


def forget_marks(run: Run, host: HostConnection) -> None:
    """Undo: what a kill between the two calls that prove folders apart left there, an empty file."""
    marks = [_mark(run, generation) for generation in range(1, run.job.generation + 1)]
    for pool, mark in product(run.args.get("marked", ()), marks):
        storage.delete_volume(host, pool, mark)


def _mark(run: Run, generation: int) -> str:
    return f"move-{run.job.pk}-{generation}"


def _template_volume(run: Run) -> str:
    """What the template is called where it can be had; a disk made of an older one goes as a whole."""
    template = Vm.objects.select_related("template").get(pk=run.job.vm_id or 0).template
    return template_volume(template) if template else "-"


def _require_free(run: Run, target: HostConnection, disk: Disk) -> None:
    if storage.volume(target, disk.pool, disk.name):
        raise Conflict(
            "It cannot move there. %(host)s has a volume %(name)s in its pool %(pool)s already.",
            host=_target_name(run),
            name=disk.name,
            pool=disk.pool,
        )
    if disk.is_readonly and disk.capacity > CARRIED_BYTES:
        raise Conflict("It cannot move there. Its disk %(path)s is not copied: detach it.", path=disk.path)


def _require_room(run: Run, target: HostConnection, copies: list[Disk], *, on_backing: bool) -> None:
    """Room for what the disks of one pool take now; they may take more later, as everywhere."""
    pool = copies[0].pool
    free = storage.pool_info(target, pool, refresh=True).available_mib
    size = sum(disk.allocated + (0 if on_backing else disk.backing_allocated) for disk in copies)
    if size > free * MIB:
        raise NoCapacity(
            "It cannot move there. Its disks take %(size)s MiB; %(host)s has %(free)s MiB free in its pool "
            "%(pool)s.",
            size=-(-size // MIB),
            host=_target_name(run),
            free=free,
            pool=pool,
        )


def _target_name(run: Run) -> str:
    return Host.objects.get(pk=run.args["target"]).name


def copies_of(run: Run) -> Copies:
    """What the call is told."""
    devices = tuple(disk.device for disk in _copies(run) if not disk.is_readonly)
    return Copies(devices, on_backing=run.args.get("on_backing", False))


def make(run: Run, vm: Vm, source: HostConnection, target: HostConnection) -> None:
    """Empty disks on the target, whatever an earlier try left there, and those that QEMU does not copy."""
    for disk in _copies(run):
        if disk.is_readonly:
            _carry(disk, source, target)
            continue
        backing = disk.backing_path if run.args["on_backing"] else ""
        if backing:
            template_on_host(run, target, vm, run.args["target"])
        disks.make_empty(target, disk, backing)


def _carry(disk: Disk, source: HostConnection, target: HostConnection) -> None:
    data = transfer.download(source, disk.pool, disk.name, CARRIED_BYTES) or b""
    transfer.upload(target, disk.pool, disk.name, BytesIO(data), len(data), format=disk.format)


def delete(run: Run, host: HostConnection) -> None:
    """The copies on the host that the machine is not on."""
    for disk in _copies(run):
        storage.delete_volume(host, disk.pool, disk.name)


def _copies(run: Run) -> list[Disk]:
    stored: list[dict[str, Any]] = run.args.get("copies", [])
    return [Disk(**values) for values in stored]
