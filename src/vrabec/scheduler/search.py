"""Look for the best single move in a large cluster, again and again.

For each machine the gain of its best move is kept. A move changes two hosts: what every machine would gain
by moving to the one that got emptier, and what those on either would gain anywhere, is worked out anew; the
rest is left as it was. So the kept gains are rather too large than too small, and only the machines with the
largest are looked at closely.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Fleet, Ints
from vrabec.scheduler.gain import Gains, Nearly
from vrabec.scheduler.order import Step
from vrabec.scheduler.rules import movable
from vrabec.scheduler.use import Use

_TINY = 1e-9
_PAIRS = 1024
"""Moves whose exact gain is worked out at a time, at most."""
_SHORTLIST = 64
_LOOKS = 8
_TRIES = 1_500_000
"""How often moves are reconsidered, times machines: what it costs grows with both."""


@dataclass(frozen=True)
class _Found:
    vm: int
    host: int
    change: float


class Search:
    """The cluster while moves are tried."""

    def __init__(self, fleet: Fleet) -> None:
        self.use = Use(fleet)
        self._home = fleet.vms.host
        self._is_offline = fleet.hosts.offline
        self._gains = Gains(self.use)
        self._uncovered = n_plus_1.uncovered(self.use)
        self._hosts = np.arange(len(fleet.hosts))
        self._free = np.flatnonzero(~fleet.vms.pinned)
        self._best = np.full(len(fleet.vms), np.inf, np.float32)
        self._look_again()

    def go(self, vm: int, host: int) -> None:
        """Make a move."""
        home = int(self.use.where[vm])
        self.use.move(vm, host)
        self._gains.moved(vm, home, host)
        self._age += 1
        if self._age > max(16, len(self._hosts) // 4):
            self._look_again()
        else:
            self._touch(home, host)

    def _touch(self, emptier: int, fuller: int) -> None:
        free, homes = self._free, self.use.where[self._free]
        self._best[free] = np.minimum(self._best[free], self._gains.best(free, np.array([emptier])))
        near = free[(homes == emptier) | (homes == fuller)]
        self._best[near] = self._gains.best(near, self._hosts)

    def descend(self, most: int, least_gain: float) -> list[Step]:
        """Make the best single move as long as it lowers the score."""
        steps: list[Step] = []
        while len(steps) < most and (found := self._find(-least_gain, _LOOKS)):
            self.go(*found)
            steps.append(found)
        return steps

    def reconsider(self) -> None:
        """Take moves back in turn, and make better ones in their place."""
        tries = _TRIES // max(1, len(self._home))
        for vm in self._by_worth()[:tries]:
            self._reconsider(int(vm))

    def _look_again(self) -> None:
        self._age = 0
        self._best[self._free] = self._gains.best(self._free, self._hosts)

    def _by_worth(self) -> Ints:
        """The moved machines, that whose move is worth least first."""
        moved = np.flatnonzero(self.use.where != self._home)
        back: Ints = moved[np.argsort(self._gains.exact(moved, self._home[moved]))]
        return back

    def _reconsider(self, vm: int) -> None:
        home, chosen = int(self._home[vm]), int(self.use.where[vm])
        if home == chosen or not (self._is_offline[home] or movable(self.use, vm)[home]):
            return
        back = float(self._gains.exact(np.array([vm]), np.array([home]))[0])
        self.go(vm, home)
        self.go(*(self._find(-back - _TINY, looks=1) or (vm, chosen)))

    def _find(self, below: float, looks: int) -> Step | None:
        """The best single move that changes the score by less than `below` and keeps every host covered."""
        found = None
        for _ in range(looks):
            listed, outside = self._listed()
            nearly = self._gains.nearly(listed, self._hosts)
            self._best[listed] = nearly.min(axis=1, initial=np.inf)
            found = self._choose(listed, nearly, below) or found
            if found is None:
                self._best[listed] = np.maximum(self._best[listed], below)
            if outside >= (below if found is None else found.change):
                break
        return (found.vm, found.host) if found else None

    def _listed(self) -> tuple[Ints, float]:
        """The machines that seem to gain most, and what the next one seems to gain."""
        if len(self._free) <= _SHORTLIST:
            return self._free, np.inf
        best = self._best[self._free]
        order = np.argpartition(best, _SHORTLIST)
        return self._free[order[:_SHORTLIST]], float(best[order[_SHORTLIST]])

    def _choose(self, listed: Ints, nearly: Nearly, below: float) -> _Found | None:
        rows, hosts = _likely(nearly)
        vms = listed[rows]
        changes = self._gains.exact(vms, hosts)
        for number in np.argsort(changes):
            if changes[number] >= below:
                return None
            vm, host = int(vms[number]), int(hosts[number])
            if not n_plus_1.worsens(self.use, vm, host, self._uncovered):
                return _Found(vm, host, float(changes[number]))
        return None


def _likely(nearly: Nearly) -> tuple[Ints, Ints]:
    """The moves that are worth an exact look."""
    if nearly.size > _PAIRS:
        flat = np.argpartition(nearly, _PAIRS // 4, axis=None)[: _PAIRS // 4]
        flat = flat[np.isfinite(nearly.ravel()[flat])]
    else:
        flat = np.flatnonzero(np.isfinite(nearly))
    rows, hosts = np.unravel_index(flat, nearly.shape)
    return rows, hosts
