"""Moves that make a cluster more even: proposed with gain and price, and queued as jobs, all or some.

A proposal is made of stored facts and stored nowhere. What is queued is checked anew, move by move: one that
went stale is refused with its reason, and the others are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, NotFound, VrabecError, WrongState
from vrabec.lib.fit import Why
from vrabec.models.clusters import Cluster
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.scheduler.balance import Move, Wish, balance
from vrabec.scheduler.fleet import Fleet
from vrabec.services.moves import Movable, read_movable
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.vm_migrate import migrate_vm

USUAL_MOVES, MOST_MOVES = 20, 200
LEAST_GAIN = 0.001
"""A tenth of a point: moves that gain less are not worth their price."""
POINTS = 100
"""The score is shown in points: deviations of what hosts have in use, in percent, and their sum."""
COPIED_MIB_S = 110
"""What a line of one gigabit a second carries: how long a copy takes is not known before."""


@dataclass(frozen=True)
class Proposed:
    """One move: how many points more even it makes the cluster, what is copied, about how long it takes."""

    vm_id: int
    name: str
    source: str
    target: str
    gain: float
    copied_mib: int
    seconds: int


@dataclass(frozen=True)
class Balance:
    """Moves in their order, how uneven the cluster is before and after them, and what stays where it is.

    Points, less is better. `stays` says why machines cannot move at all, with their number.
    """

    cluster: Cluster
    before: float
    after: float
    moves: tuple[Proposed, ...]
    stays: tuple[tuple[Why, int], ...]


@dataclass(frozen=True)
class Wanted:
    """A move that somebody wants: a machine, and the name of the host it goes to."""

    vm_id: int
    to: str


@dataclass(frozen=True)
class Queued:
    """What became of one: `job` moves the machine, or `error` says why not."""

    vm_id: int
    name: str
    to: str
    job: Job | None = None
    error: VrabecError | None = None


def propose(actor: Actor, *, cluster: Cluster, most: int = USUAL_MOVES, stay: Iterable[int] = ()) -> Balance:
    """At most so many moves, those that matter most first; machines that `stay`, by id, make none.

    No step breaks a rule or leaves a host without cover that had it, when the ones before it are done.
    Raises Invalid, Forbidden.
    """
    require(actor, "cluster.balance", cluster)
    if not 1 <= most <= MOST_MOVES:
        raise Invalid("Choose from %(least)s to %(most)s.", field="most", least=1, most=MOST_MOVES)
    found = read_movable(cluster)
    if found is None:
        return Balance(cluster, 0.0, 0.0, (), ())
    proposal = balance(_fleet(found, stay), Wish(most, LEAST_GAIN))
    moves = _first_of_each(proposal.moves)
    gained = sum(move.gain for move in moves)
    return Balance(
        cluster,
        POINTS * proposal.before,
        POINTS * (proposal.before - gained),
        tuple(_proposed(found, move) for move in moves),
        _stays(found),
    )


def _fleet(found: Movable, stay: Iterable[int]) -> Fleet:
    vms = found.stock.fleet.vms
    pinned = vms.pinned | np.isin(found.stock.vm_ids, list(stay))
    return replace(found.stock.fleet, vms=replace(vms, pinned=pinned))


def move_wanted(actor: Actor, *, cluster: Cluster, wanted: Iterable[Wanted]) -> tuple[Queued, ...]:
    """Queue these moves in this order; those that cannot be made any more say why.

    Raises Invalid for none or too many, Forbidden.
    """
    require(actor, "cluster.balance", cluster)
    given = tuple(wanted)
    if not 1 <= len(given) <= MOST_MOVES:
        raise Invalid("Choose from %(least)s to %(most)s.", field="moves", least=1, most=MOST_MOVES)
    vms = {vm.pk: vm for vm in _vms(cluster, given)}
    done = tuple(_queue(actor, one, vms.get(one.vm_id)) for one in given)
    queued = sum(one.job is not None for one in done)
    record(actor, "cluster.balance", of=cluster, moves=queued, refused=len(done) - queued)
    return done


def _vms(cluster: Cluster, wanted: Iterable[Wanted]) -> Iterable[Vm]:
    ids = [one.vm_id for one in wanted]
    return Vm.objects.present().filter(pk__in=ids, host__cluster=cluster).select_related("host", "project")


def _queue(actor: Actor, one: Wanted, vm: Vm | None) -> Queued:
    if vm is None:
        return Queued(one.vm_id, "", one.to, error=NotFound("It is not in this cluster any more."))
    try:
        job = migrate_vm(actor, vm=vm, to=one.to)
    except (Conflict, Invalid, NoCapacity, WrongState) as error:
        return Queued(vm.pk, vm.name, one.to, error=error)
    return Queued(vm.pk, vm.name, one.to, job)


def _first_of_each(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """Up to the first machine that would move twice: its second move has to wait for the first."""
    seen = set[int]()
    for number, move in enumerate(moves):
        if move.vm in seen:
            return moves[:number]
        seen.add(move.vm)
    return moves


def _proposed(found: Movable, move: Move) -> Proposed:
    hosts = found.stock.hosts
    return Proposed(
        vm_id=int(found.stock.vm_ids[move.vm]),
        name=found.names[move.vm],
        source=hosts[move.source].name,
        target=hosts[move.target].name,
        gain=POINTS * move.gain,
        copied_mib=round(move.price_mib),
        seconds=max(1, round(move.price_mib / COPIED_MIB_S)),
    )


def _stays(found: Movable) -> tuple[tuple[Why, int], ...]:
    counts = Counter(template % params for template, params in found.stuck.values())
    said = {template % params: (template, params) for template, params in found.stuck.values()}
    return tuple((said[text], number) for text, number in counts.most_common())
