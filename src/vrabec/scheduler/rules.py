"""The hard rules: which hosts can take a machine, and for each that cannot, why not, in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vrabec.scheduler.fleet import Bools, Want
from vrabec.scheduler.use import Use

Words = tuple[str, dict[str, object]]
"""A message id with its parameters, for people."""


def fitting(use: Use, want: Want) -> Bools:
    """The hosts that can take a machine which is on none of them yet, by every rule."""
    hosts, needs = use.fleet.hosts, np.uint64(want.needs)
    fits: Bools = (
        ~hosts.offline
        & (use.memory_room_mib >= want.memory_mib)
        & (use.cpu_room >= want.cpus)
        & (use.disk_room_mib >= want.disk_mib)
        & ((hosts.offers & needs) == needs)
    )
    for farm in want.farms:
        fits &= use.farm_count[farm] == 0
    return fits


def movable(use: Use, vm: int) -> Bools:
    """The hosts that one machine can move to. Farms yield to leave a host that is offline."""
    home, want = use.where[vm], use.fleet.vms.want(vm)
    if use.fleet.hosts.offline[home]:
        want = replace(want, farms=())
    fits = fitting(use, want)
    fits[home] = False
    free: Bools = fits & ~use.fleet.vms.pinned[vm]
    return free


def why_not(use: Use, want: Want, host: int) -> Words | None:
    """The first rule that forbids a host, None where it can take the machine. Not for the hot path."""
    for fails, words, params in _rules(use, want, host):
        if fails:
            return words, params
    return None


def _rules(use: Use, want: Want, host: int) -> tuple[tuple[bool, str, dict[str, object]], ...]:
    hosts = use.fleet.hosts
    missing = want.needs & ~int(hosts.offers[host])
    memory, disk = use.memory_room_mib[host], use.disk_room_mib[host]
    return (
        (bool(hosts.offline[host]), "It is in maintenance or does not answer.", {}),
        (missing != 0, "A storage pool or network that the machine needs is not within its reach.", {}),
        (want.memory_mib > memory, "It has %(free)s MiB of memory left.", {"free": _whole(memory)}),
        (want.cpus > use.cpu_room[host], "It has %(free)s CPUs left.", {"free": _whole(use.cpu_room[host])}),
        (want.disk_mib > disk, "It has %(free)s MiB of disk left.", {"free": _whole(disk)}),
        (
            any(use.farm_count[farm, host] for farm in want.farms),
            "Another machine of the same farm is on it.",
            {},
        ),
    )


def _whole(room: float) -> int:
    return int(max(0.0, room)) if np.isfinite(room) else 0
