"""Live migration: the call, how far it is, how it is stopped, and where the machine is afterwards.

We hold both ends ourselves, as `virsh migrate` does: hosts need a way to each other for QEMU's ports alone,
none into each other's libvirt. When we die the target drops its half, and the machine runs on where it was;
when we die in the moment of the switch-over, `place` tells what came of it (docs/design/migration.md).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import libvirt

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.lib.errors import NotFound, WrongState
from vrabec.lib.too_fast import TooFast

FLAGS = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
_TOO_FAST = {
    # QEMU slows a guest down that writes memory faster than the line carries it, and no other.
    TooFast.SLOW: libvirt.VIR_MIGRATE_AUTO_CONVERGE,
    TooFast.WAIT: 0,
    TooFast.SWITCH: libvirt.VIR_MIGRATE_AUTO_CONVERGE | libvirt.VIR_MIGRATE_POSTCOPY,
}
LAB_FLAGS = 0
"""The lab's shared directory is one that libvirt does not know to be shared: its tests add UNSAFE here."""
COMPLETED = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
"""Without KEEP they are gone once they were read (libvirt 6.0)."""
_HALVES = {
    # Also of a source whose controller died: its stream may go on by itself.
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY),
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED),
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY),
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED),
}
"""How libvirt shows an end of a post-copy (8.5 and later)."""
_OVER = (libvirt.VIR_DOMAIN_JOB_NONE, libvirt.VIR_DOMAIN_JOB_COMPLETED)


class Place(StrEnum):
    """What one host has of a machine. BETWEEN: it has one that does not work, as an end of a migration.

    Whether it waits or is being dropped: a target that is killed is shown as shutting down (libvirt 9.0).
    HALF: it was switched over early, and each end has memory that the other lacks. The target's runs as far
    as that goes; the source's must never be resumed.
    """

    ABSENT = "absent"
    OFF = "off"
    BETWEEN = "between"
    HALF = "half"
    ON = "on"


@dataclass(frozen=True)
class Copies:
    """Disks that go along, by device; `on_backing`: the target has what they are built on already."""

    devices: tuple[str, ...] = ()
    on_backing: bool = False

    @property
    def flags(self) -> int:
        """What the call is told of them.

        Two copies of a disk have no lock in common, which keeps a machine on shared storage from running
        twice when the word of the target's start is lost. So it waits on the target until we resume it.
        """
        if not self.devices:
            return 0
        how = libvirt.VIR_MIGRATE_NON_SHARED_INC if self.on_backing else libvirt.VIR_MIGRATE_NON_SHARED_DISK
        return int(how | libvirt.VIR_MIGRATE_PAUSED)


@dataclass(frozen=True)
class How:
    """How a machine moves. `address` is where the source reaches the target, "" the name it gives itself.

    `goes_on`: a post-copy that was torn is taken up again; else the move begins.
    """

    address: str = ""
    copies: Copies = Copies()
    too_fast: TooFast = TooFast.SLOW
    goes_on: bool = False

    @property
    def flags(self) -> int:
        """What the call is told."""
        flags = FLAGS | LAB_FLAGS | _TOO_FAST[self.too_fast] | self.copies.flags
        return int(flags | (libvirt.VIR_MIGRATE_POSTCOPY_RESUME if self.goes_on else 0))

    @property
    def params(self) -> dict[str, Any]:
        """What it is told by name."""
        params: dict[str, Any] = {}
        if self.address:
            params[libvirt.VIR_MIGRATE_PARAM_URI] = f"tcp://{self.address}"
        if self.copies.devices:
            params[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = list(self.copies.devices)
        return params


@dataclass(frozen=True)
class Progress:
    """How far memory and disks are: what there is to send, what is left, and how fast it goes.

    `passes`: the how manieth time memory is sent; what a guest wrote since is sent again.
    """

    total_bytes: int
    left_bytes: int
    bytes_s: int
    passes: int = 0

    def after(self, before: Progress | None, seconds: float) -> Progress:
        """With the rate since a look so long ago, where libvirt tells none: it does not of disks (9.0)."""
        if self.bytes_s or before is None:
            return self
        return replace(self, bytes_s=max(0, round((before.left_bytes - self.left_bytes) / seconds)))

    @property
    def percent(self) -> float:
        """Of the present round: a guest that writes memory makes some of it anew."""
        return 100 * (1 - self.left_bytes / self.total_bytes) if self.total_bytes else 0

    @property
    def seconds_left(self) -> int | None:
        """None while nobody can tell."""
        return round(self.left_bytes / self.bytes_s) if self.bytes_s else None


def migrate(source: HostConnection, target: HostConnection, uuid: str, how: How) -> None:
    """Move a running machine; returns once the target has it and the source has forgotten it.

    It runs there then, or waits to be resumed where disks went along. Raises what either host has against it;
    what came of it then, `place` says.
    """
    with source.calling() as here, target.calling() as there:
        here.lookupByUUIDString(uuid).migrate3(there, how.params, how.flags)


def progress(source: HostConnection, uuid: str, memory: int) -> Progress | None:
    """How far a migration is, asked on another connection than its own; None when none is under way.

    `memory` is how many bytes the machine has: while disks are copied its own are still to come.
    """
    with suppress(NotFound, WrongState), source.calling() as raw:
        stats = raw.lookupByUUIDString(uuid).jobStats()
        if stats.get("type", 0) in _OVER or not stats.keys() & {"memory_total", "disk_total"}:
            return None
        if not stats.get("memory_total"):
            stats |= {"memory_total": memory, "memory_remaining": memory}
        total, left, rate = (
            sum(stats.get(f"{what}_{name}", 0) for what in ("memory", "disk"))
            for name in ("total", "remaining", "bps")
        )
        return Progress(total, left, rate, stats.get("memory_iteration", 0))
    return None


def switch_over(source: HostConnection, uuid: str) -> bool:
    """Let the machine run on the target now: the rest of its memory follows. False when it was all over.

    Only what was begun with TooFast.SWITCH can be switched over so.
    """
    with suppress(NotFound, WrongState), source.calling() as raw:
        raw.lookupByUUIDString(uuid).migrateStartPostCopy(0)
        return True
    return False


def downtime_ms(target: HostConnection, uuid: str) -> int | None:
    """How long the machine stood still when it came here; None where libvirt has forgotten, or never knew."""
    with suppress(NotFound, WrongState), target.calling() as raw:
        stats = raw.lookupByUUIDString(uuid).jobStats(COMPLETED)
        found = stats.get("downtime")
        return None if found is None else int(found)
    return None


def abort(source: HostConnection, uuid: str) -> None:
    """End a migration that is under way: the machine runs on here. None under way is success."""
    with suppress(NotFound), source.calling() as raw:
        try:
            raw.lookupByUUIDString(uuid).abortJob()
        except libvirt.libvirtError as error:
            if not has_code(error, libvirt.VIR_ERR_OPERATION_INVALID):
                raise


def is_leaving(source: HostConnection, uuid: str) -> bool:
    """Whether a migration, ours or another's, is under way."""
    # WrongState: it does not run.
    with suppress(NotFound, WrongState), source.calling() as raw:
        return raw.lookupByUUIDString(uuid).jobInfo()[0] not in _OVER
    return False


def has_name(host: HostConnection, name: str) -> bool:
    """Whether the host has a machine of this name."""
    with suppress(NotFound), host.calling() as raw:
        return raw.lookupByName(name) is not None
    return False


def place(host: HostConnection, uuid: str) -> Place:
    """What this host has of the machine."""
    with suppress(NotFound), host.calling() as raw:
        return _place(raw.lookupByUUIDString(uuid))
    return Place.ABSENT


def is_whole(target: HostConnection, uuid: str) -> bool:
    """Whether it runs here since a migration that ended: libvirt says so once QEMU has all its memory."""
    with target.calling() as raw:
        arrived = [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED]
        return bool(raw.lookupByUUIDString(uuid).state() == arrived)


def _place(domain: Any) -> Place:
    state, reason = domain.state()
    if (state, reason) in _HALVES:
        return Place.HALF
    if state in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED):
        return Place.OFF
    stands = (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTDOWN)
    return Place.BETWEEN if state in stands else Place.ON
