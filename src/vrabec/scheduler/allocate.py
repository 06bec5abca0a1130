"""Choose a host for a new machine among many: hard rules, then the score it leaves, then N+1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Bools, Floats, Ints, Want
from vrabec.scheduler.rules import Words, fitting, why_not
from vrabec.scheduler.score import WEIGHTS, spread
from vrabec.scheduler.use import Use

FITS: Words = ("Fits.", {})
NOT_COVERED: Words = ("If a host died, not every machine would find a place any more.", {})


@dataclass(frozen=True)
class Room:
    """A cluster prepared for placing: its sums, and the hosts that are without cover as it is."""

    use: Use
    uncovered: Bools


def prepare(use: Use) -> Room:
    """What `allocate` needs to know before it is asked."""
    return Room(use, n_plus_1.uncovered(use))


def allocate(room: Room, want: Want) -> int | None:
    """The host that a new machine should go to, None when none can take it and keep every host covered."""
    return n_plus_1.choose(room.use, want.memory_mib, order(room, want), room.uncovered)


def order(room: Room, want: Want) -> list[int]:
    """The hosts that can take a new machine, the best first; N+1 is not looked at."""
    fits = np.flatnonzero(fitting(room.use, want))
    best: list[int] = fits[np.argsort(scores(room.use, want)[fits], kind="stable")].tolist()
    return best


def scores(use: Use, want: Want) -> Floats:
    """How uneven the cluster is with the machine on each host: the deviations of the score, nothing else."""
    hosts = use.fleet.hosts
    values, in_use = spread(use), (~hosts.offline).astype(np.float64)
    number = max(1.0, float(in_use.sum()))
    comes = _amounts(want)[:, None] * hosts.scale
    total = (values @ in_use)[:, None] + comes
    squares = ((values * values) @ in_use)[:, None] + comes * (comes + 2 * values)
    after: Floats = WEIGHTS @ np.sqrt(np.maximum(squares / number - (total / number) ** 2, 0))
    return after


def verdicts(room: Room, want: Want) -> tuple[Words, ...]:
    """Why each host can or cannot take the machine. Not for the hot path."""
    kept = n_plus_1.keeping(room.use, want.memory_mib, room.uncovered)
    hosts = range(len(room.use.fleet.hosts))
    return tuple(why_not(room.use, want, host) or (FITS if kept[host] else NOT_COVERED) for host in hosts)


def left_out(room: Room, want: Want, host: int) -> dict[int, Ints]:
    """Which machines would find no place, by the host that died, once a machine is on `host`.

    The new machine is the last. Hosts that were without cover before are named too. Not for the hot path.
    """
    use = Use(room.use.fleet.joined(want, host))
    return {int(lost): n_plus_1.stranded(use, int(lost)) for lost in np.flatnonzero(n_plus_1.uncovered(use))}


def _amounts(want: Want) -> Floats:
    return np.array([want.memory_mib, want.memory_mib, want.disk_mib, want.cpus, *want.load])
