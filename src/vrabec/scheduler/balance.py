"""Propose moves that make a cluster more even: those that matter most come first.

The best single move, again and again, is what hbal does. It ends where no single move helps, and by then many
of its later moves would better have been others. So the first ones are taken as they are; then each of the
others is taken back in turn, and another one made in its place where that leaves a lower score. What remains
is put in order, the largest gain first. Every step keeps every rule, and leaves no host uncovered that was
covered before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Fleet, Vms
from vrabec.scheduler.gain import Gains
from vrabec.scheduler.order import Step, in_order
from vrabec.scheduler.score import score_of
from vrabec.scheduler.search import Search
from vrabec.scheduler.use import Use

_TINY = 1e-9
_KEPT = (0.5, 0.0, 0.25, 0.75)
"""Which share of the best moves is kept: all are tried in a small cluster, the first in a large one."""
_SMALL, _LARGE = 500, 10_000


@dataclass(frozen=True)
class Move:
    """One step: the machine, from where to where, how much it lowers the score, and what is copied."""

    vm: int
    source: int
    target: int
    gain: float
    price_mib: float


@dataclass(frozen=True)
class Proposal:
    """Moves in the order in which to make them, and the score before and after all of them."""

    moves: tuple[Move, ...]
    before: float
    after: float


@dataclass(frozen=True)
class Wish:
    """How far to go: so many moves at most, and none that lowers the score by less than `least_gain`."""

    most_moves: int = 1_000_000
    least_gain: float = _TINY


def balance(fleet: Fleet, wish: Wish | None = None) -> Proposal:
    """Moves that lower the score."""
    wish = wish or Wish()
    steps = _first(fleet, wish)
    if len(fleet.vms) > _LARGE:
        return _proposal(fleet, steps)
    first = len(steps)
    while len(steps) < wish.most_moves:
        more = _more(fleet, steps, wish)
        steps += more
        if not more:
            break
    return _proposal(fleet, _best_first(fleet, steps, first))


def _first(fleet: Fleet, wish: Wish) -> list[Step]:
    """The best single moves, with their later part reconsidered where that ends lower."""
    greedy = Search(fleet).descend(wish.most_moves, wish.least_gain)
    chosen, least = greedy, _scores(fleet, greedy)[-1]
    if len(fleet.vms) > _LARGE:
        return greedy
    for share in _KEPT if len(fleet.vms) <= _SMALL else _KEPT[:1]:
        kept = int(share * len(greedy))
        steps = greedy[:kept] + _reconsidered(fleet, greedy[:kept], greedy[kept:])
        reached = _scores(fleet, steps)[-1]
        if reached < least - _TINY:
            chosen, least = steps, reached
    return chosen


def _best_first(fleet: Fleet, steps: list[Step], first: int) -> list[Step]:
    """The same moves in an order that has a lower score after the `first` of them, if there is one."""
    kept = len(steps) // 4
    start = _after(fleet, steps[:kept])
    others = in_order(start, _after(fleet, steps).vms.host, n_plus_1.uncovered(Use(start)))
    if _scores(start, others)[-1] > _scores(start, steps[kept:])[-1] + _TINY:
        return steps
    return min(steps, steps[:kept] + others, key=lambda order: _scores(fleet, order)[: first + 1][-1])


def _more(fleet: Fleet, steps: list[Step], wish: Wish) -> list[Step]:
    """More moves, from where the first ones end."""
    search = Search(_after(fleet, steps))
    return _reconsidered(fleet, steps, search.descend(wish.most_moves - len(steps), wish.least_gain))


def _reconsidered(fleet: Fleet, kept: list[Step], others: list[Step]) -> list[Step]:
    """As many moves as `others`, or fewer, that are made after `kept` and leave a score at least as low."""
    start = _after(fleet, kept)
    search = Search(start)
    for vm, host in others:
        search.go(vm, host)
    search.reconsider()
    better = in_order(start, search.use.where, n_plus_1.uncovered(Use(start)))
    return better if _scores(start, better)[-1] <= _scores(start, others)[-1] + _TINY else others


def _after(fleet: Fleet, steps: list[Step]) -> Fleet:
    where = fleet.vms.host.copy()
    for vm, host in steps:
        where[vm] = host
    return fleet.placed(where)


def _scores(fleet: Fleet, steps: list[Step]) -> list[float]:
    """The score before the first move and after each."""
    use = Use(fleet)
    gains, scores = Gains(use), [score_of(use)]
    for vm, host in steps:
        home = int(use.where[vm])
        scores.append(scores[-1] + float(gains.exact(np.array([vm]), np.array([host]))[0]))
        use.move(vm, host)
        gains.moved(vm, home, host)
    return scores


def _proposal(fleet: Fleet, steps: list[Step]) -> Proposal:
    scores, where, moves = _scores(fleet, steps), fleet.vms.host.copy(), list[Move]()
    for number, (vm, host) in enumerate(steps):
        gain = scores[number] - scores[number + 1]
        moves.append(Move(vm, int(where[vm]), host, gain, _price_mib(fleet.vms, vm)))
        where[vm] = host
    return Proposal(tuple(moves), scores[0], scores[-1])


def _price_mib(vms: Vms, vm: int) -> float:
    return float(vms.memory_mib[vm] * vms.runs[vm] + vms.disk_mib[vm])
