"""Put moves in order: the largest gain first, each allowed when its turn comes."""

from __future__ import annotations

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Bools, Fleet, Floats, Ints
from vrabec.scheduler.gain import Gains
from vrabec.scheduler.rules import movable
from vrabec.scheduler.use import Use

Step = tuple[int, int]
"""A machine and the host it goes to."""

_WINDOW = 512
"""Moves among which the next is chosen, and how often all are looked at."""
_AGE = 64


def in_order(fleet: Fleet, where: Ints, uncovered: Bools) -> list[Step]:
    """The moves that bring each machine to `where`; those that never become allowed are left out.

    No host but those that are `uncovered` may be without cover on the way.
    """
    use, steps = Use(fleet), list[Step]()
    gains, left = Gains(use), np.flatnonzero(where != fleet.vms.host)
    while left.size:
        taken = _some(use, gains, left, where, uncovered)
        if not taken:
            break
        steps += taken
        left = np.setdiff1d(left, [vm for vm, _ in taken])
    return steps


def _some(use: Use, gains: Gains, left: Ints, where: Ints, uncovered: Bools) -> list[Step]:
    """The next moves, of those that gain most now, or of all when none of these is allowed."""
    window = left[np.argsort(gains.exact(left, where[left]))]
    near, steps = window[:_WINDOW], list[Step]()
    while near.size and len(steps) < _AGE:
        changes = gains.exact(near, where[near])
        place = _next(use, near, where, changes, uncovered)
        if place is None and not steps and near.size < window.size:
            near = window
            continue
        if place is None:
            break
        vm = int(near[place])
        home, host = int(use.where[vm]), int(where[vm])
        steps.append((vm, host))
        use.move(vm, host)
        gains.moved(vm, home, host)
        near = np.delete(near, place)
    return steps


def _next(use: Use, near: Ints, where: Ints, changes: Floats, uncovered: Bools) -> int | None:
    for place in np.argsort(changes):
        vm, host = int(near[place]), int(where[near[place]])
        if movable(use, vm)[host] and not n_plus_1.worsens(use, vm, host, uncovered):
            return int(place)
    return None
