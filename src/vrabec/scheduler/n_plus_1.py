"""N+1: whichever one host dies, the memory of its machines fits onto the others.

A host is covered when first-fit decreasing puts each of its machines, the largest first, onto the first other
host in use whose memory still has room for it, overcommit included. What it packs fits, so the answer is on
the safe side; where it fails, a cleverer packing might have succeeded. CPUs, farms, pins and reach are left
aside: a machine that runs beside another one of its farm is better than one that does not run. Hosts that are
offline give no cover; their machines need a place too, so they are packed with those of whichever host dies.

Packing takes a while, so three proofs come before it, for all hosts at once. With `largest` the largest of
the machines, they hold for every way of packing that leaves no machine out while some host has room for it:

- As many other hosts have room for `largest` as there are machines: whatever was packed before, one is
  untouched.
- The rooms of the others beyond `largest` add up to all its machines: when a machine finds no place, every
  other host has less than `largest` left, so more than that sum was packed already.
- The rooms of all others are less than its machines: something is left over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from vrabec.scheduler.fleet import Bools, Floats, Ints
from vrabec.scheduler.use import Use


def uncovered(use: Use) -> Bools:
    """The hosts in use whose death leaves a machine without a place."""
    sure, hopeless = _proofs(use)
    failing = hopeless.copy()
    for host in np.flatnonzero(~sure & ~hopeless):
        failing[host] = stranded(use, int(host)).size > 0
    return failing


def stranded(use: Use, host: int) -> Ints:
    """The machines that would not fit anywhere if `host` died, the largest first."""
    memory, lost = (
        use.fleet.vms.memory_mib,
        np.flatnonzero((use.where == host) | use.fleet.hosts.offline[use.where]),
    )
    lost = lost[np.argsort(-memory[lost], kind="stable")]
    return lost[~_pack(use, host, memory[lost])]


def worsens(use: Use, vm: int, host: int, before: Bools) -> bool:
    """Whether one move leaves a host uncovered that was not so `before`. `use` is as it was afterwards."""
    home = int(use.where[vm])
    use.move(vm, host)
    sure, hopeless = _proofs(use)
    is_worse = bool((hopeless & ~before).any()) or any(
        stranded(use, int(other)).size for other in np.flatnonzero(~sure & ~before)
    )
    use.move(vm, home)
    return is_worse


def choose(use: Use, memory_mib: float, hosts: Iterable[int], before: Bools) -> int | None:
    """The first of `hosts` on which a new machine uncovers no host that was not so `before`."""
    kept = _kept_with(use, memory_mib, before)
    if kept is None:
        return None
    return next((host for host in hosts if kept[host] or _keeps_with(use, memory_mib, host, before)), None)


def keeping(use: Use, memory_mib: float, before: Bools) -> Bools:
    """The hosts on which a new machine uncovers no host that was not so `before`. Not for the hot path."""
    kept = _kept_with(use, memory_mib, before)
    if kept is None:
        return np.zeros(len(before), bool)
    for host in np.flatnonzero(~kept & ~use.fleet.hosts.offline):
        kept[host] = _keeps_with(use, memory_mib, int(host), before)
    return kept


def holds(use: Use, memory_mib: float, counts: Ints, before: Bools) -> bool:
    """Whether so many new machines of one size on each host uncover none that was not so `before`."""
    kept = use.memory_mib, use.count, use.largest_mib
    use.memory_mib = use.memory_mib + counts * memory_mib
    use.count = use.count + counts
    use.largest_mib = np.where(counts > 0, np.maximum(use.largest_mib, memory_mib), use.largest_mib)
    sure, hopeless = _proofs(use)
    found = not (hopeless & ~before).any() and all(
        _packs_with(use, int(host), np.full(counts[host], memory_mib))
        for host in np.flatnonzero(~sure & ~before)
    )
    use.memory_mib, use.count, use.largest_mib = kept
    return found


def _lost_memory(use: Use, host: int) -> Floats:
    memory: Floats = use.fleet.vms.memory_mib[(use.where == host) | use.fleet.hosts.offline[use.where]]
    return memory


def _pack(use: Use, host: int, memory: Floats) -> Bools:
    """Which of a dead host's machines, the largest first, find a place."""
    room, found = use.memory_room_mib, np.zeros(len(memory), bool)
    room[host], first = -np.inf, 0
    for amount, number in _runs(memory):
        found[first : first + _take(room, amount, number)] = True
        first += number
    return found


def _runs(memory: Floats) -> Iterator[tuple[float, int]]:
    """How many follow each other that are of one size: those are packed at once."""
    ends = np.append(np.flatnonzero(np.diff(memory)) + 1, len(memory)) if len(memory) else ()
    first = 0
    for end in ends:
        yield float(memory[first]), int(end - first)
        first = end


def _take(room: Floats, memory: float, number: int) -> int:
    """How many of `number` machines find a place, first fit, which takes from `room`."""
    if number == 1:
        fits = room >= memory
        first = int(fits.argmax())
        if not fits[first]:
            return 0
        room[first] -= memory
        return 1
    most = np.floor(np.maximum(room, 0) / max(memory, 1e-3))
    taken = np.clip(number - (np.cumsum(most) - most), 0, most)
    room -= taken * memory
    return int(taken.sum())


class _Rooms:
    """The memory that is free on every host, in order of size."""

    def __init__(self, use: Use) -> None:
        self.own = np.maximum(use.memory_room_mib, 0)
        self._ordered = np.sort(self.own)
        self._above = np.append(np.cumsum(self._ordered[::-1])[::-1], 0.0)
        self.others = self._above[0] - self.own

    def proofs(self, largest: Floats) -> tuple[Ints, Floats]:
        """For each host: how many others have room for `largest`, and how much beyond it together."""
        first = np.searchsorted(self._ordered, largest)
        is_roomy = self.own >= largest
        roomy = len(self.own) - first
        beyond: Floats = self._above[first] - roomy * largest - is_roomy * (self.own - largest)
        return roomy - is_roomy, beyond


class _Lost:
    """The machines that need a place when a host dies: its own, and those of the hosts that are offline."""

    def __init__(self, use: Use) -> None:
        offline = use.fleet.hosts.offline
        self.memory = use.memory_mib + use.memory_mib[offline].sum()
        self.count = use.count + use.count[offline].sum()
        self.watched = ~offline & (self.count > 0)
        self.largest = np.maximum(use.largest_mib, use.largest_mib[offline].max(initial=0))


def _proofs(use: Use) -> tuple[Bools, Bools]:
    """Which hosts are surely covered, and which surely are not."""
    rooms, lost = _Rooms(use), _Lost(use)
    roomy, beyond = rooms.proofs(lost.largest)
    sure = ~lost.watched | (roomy >= lost.count) | (beyond >= lost.memory)
    return sure, ~sure & (rooms.others < lost.memory)


def _kept_with(use: Use, memory: float, before: Bools) -> Bools | None:
    """On which hosts one more machine surely uncovers none; None when it does so on every host."""
    rooms, lost = _Rooms(use), _Lost(use)
    watched = lost.watched & ~before
    if (watched & (rooms.others - memory < lost.memory)).any():
        return None
    roomy, beyond = rooms.proofs(lost.largest)
    tight = np.flatnonzero(watched & (roomy <= lost.count) & (beyond - memory < lost.memory))
    roomy_itself, beyond_itself = rooms.proofs(np.maximum(lost.largest, memory))
    itself: Bools = before | (roomy_itself > lost.count) | (beyond_itself >= lost.memory + memory)
    if not tight.size:
        return itself
    largest, left = lost.largest[tight, None], np.maximum(rooms.own - memory, 0)
    less = np.maximum(rooms.own - largest, 0) - np.maximum(left - largest, 0)
    fewer = (rooms.own >= largest) & (left < largest)
    holds = (roomy[tight, None] - fewer >= lost.count[tight, None]) | (
        beyond[tight, None] - less >= lost.memory[tight, None]
    )
    holds[np.arange(len(tight)), tight] = True
    kept: Bools = itself & holds.all(axis=0)
    return kept


def _keeps_with(use: Use, memory: float, host: int, before: Bools) -> bool:
    """The same by packing, for one host."""
    largest = use.largest_mib[host]
    use.memory_mib[host] += memory
    use.count[host] += 1
    use.largest_mib[host] = max(largest, memory)
    sure, hopeless = _proofs(use)
    kept = not (hopeless & ~before).any() and all(
        _packs_with(use, int(other), np.full(int(other == host), memory))
        for other in np.flatnonzero(~sure & ~before)
    )
    use.memory_mib[host] -= memory
    use.count[host] -= 1
    use.largest_mib[host] = largest
    return kept


def _packs_with(use: Use, host: int, more: Floats) -> bool:
    memory = np.append(_lost_memory(use, host), more)
    return bool(_pack(use, host, np.sort(memory)[::-1]).all())
