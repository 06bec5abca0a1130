"""How much more a cluster takes: machines of one size with and without N+1; what the worst death brings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Bools, Floats, Ints, Want
from vrabec.scheduler.rules import fitting
from vrabec.scheduler.use import Use

_HALVINGS = 30
_CLOSE = 100
"""Large numbers are found to one part in so many: nobody asks whether 13,655 or 13,656 machines fit."""


@dataclass(frozen=True)
class More:
    """How many more machines of one size fit: `covered` uncover no host, `most` fit by the other rules."""

    covered: int
    most: int


@dataclass(frozen=True)
class Death:
    """The host whose death would leave the least memory free.

    `kept_mib` is what has to be kept for it, on each other host as much as it has room: which one takes which
    machine is seen when it happens.
    """

    host: int
    left_mib: float
    kept_mib: Floats


def how_many(use: Use, want: Want, before: Bools) -> More:
    """How many machines like `want` fit still. `before` are the hosts that are without cover as it is.

    They are spread as memory is free. As many as are counted as covered are so, since that way of spreading
    them proves it; a cleverer one might have found room for a few more.
    """
    slots = _slots(use, want)
    covered, over = 0, int(slots.sum()) + 1
    while over - covered > max(1, covered // _CLOSE):
        tried = (covered + over) // 2
        counts = _spread(use.memory_room_mib, slots, want.memory_mib, tried)
        if n_plus_1.holds(use, want.memory_mib, counts, before):
            covered = tried
        else:
            over = tried
    return More(covered, int(slots.sum()))


def worst_death(use: Use) -> Death | None:
    """What N+1 has to be kept for; None where no host in use has a machine, or there is no other host."""
    watched = np.flatnonzero(~use.fleet.hosts.offline & (use.count > 0))
    room = np.maximum(use.memory_room_mib, 0)
    if not watched.size or np.count_nonzero(~use.fleet.hosts.offline) < 2:
        return None
    away_mib = use.memory_mib[use.fleet.hosts.offline].sum()
    left = room.sum() - room[watched] - use.memory_mib[watched] - away_mib
    host = int(watched[left.argmin()])
    others = np.where(np.arange(len(room)) == host, 0, room)
    share = min(1.0, (use.memory_mib[host] + away_mib) / max(1.0, others.sum()))
    return Death(host, float(max(0.0, left.min())), others * share)


def _slots(use: Use, want: Want) -> Ints:
    """How many of them each host takes by every rule but N+1."""
    most = np.floor(np.maximum(use.memory_room_mib, 0) / max(want.memory_mib, 1))
    most = np.minimum(most, np.floor(np.maximum(use.cpu_room, 0) / max(want.cpus, 1)))
    if want.disk_mib:
        most = np.minimum(most, np.floor(np.maximum(use.disk_room_mib, 0) / want.disk_mib))
    return np.where(fitting(use, want), most, 0).astype(np.int64)


def _spread(room: Floats, slots: Ints, memory_mib: float, number: int) -> Ints:
    """How many of `number` go to each host, when each goes to the one with the most memory left."""
    room = np.where(slots > 0, room, 0)
    low, high = -memory_mib, float(room.max(initial=0))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _above(room, slots, memory_mib, middle).sum() > number:
            low = middle
        else:
            high = middle
    counts = _above(room, slots, memory_mib, high)
    next_ones = np.argsort(np.where(counts < slots, counts * memory_mib - room, np.inf), kind="stable")
    counts[next_ones[: number - int(counts.sum())]] += 1
    return counts


def _above(room: Floats, slots: Ints, memory_mib: float, level: float) -> Ints:
    """How many each host has taken once none that can take more has more memory left than `level`."""
    return np.clip(np.ceil((room - level) / memory_mib), 0, slots).astype(np.int64)
