"""How a host would be emptied now: where each machine goes, how long that takes, what stays and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vrabec.lib.fit import Why
from vrabec.models.clusters import Cover
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Vm
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.evacuate import Evacuation, evacuate
from vrabec.scheduler.rules import why_not
from vrabec.scheduler.use import Use
from vrabec.services.fleets import ON
from vrabec.services.moves import BUSY, Movable, read_movable
from vrabec.services.placement import Loss

ASSUMED_MIB_S = 100.0
"""What a network of 1 Gbit/s carries; taken while no move was measured."""
SECONDS_A_MOVE = 2.0
"""What a move takes beside copying memory."""
MOST_TRIES = 2
_MEASURED = 20
_MOST_NAMED = 5
_NO_HOST = "No other host can take it. %(why)s"
_ALONE: Why = ("There is no other host in its cluster.", {})


@dataclass(frozen=True)
class Tried:
    """How often a machine was to move and did not: the ids of those hosts, and what was said last."""

    hosts: tuple[int, ...]
    why: Why
    is_over: bool = False

    @property
    def ends(self) -> bool:
        """No other host is tried any more."""
        return self.is_over or len(self.hosts) >= MOST_TRIES


@dataclass(frozen=True)
class Going:
    """A machine that moves, and the host it goes to."""

    vm_id: int
    name: str
    to_id: int
    to: str
    memory_mib: int


@dataclass(frozen=True)
class Staying:
    """A machine that does not, and why. It `waits` for a job that works on it, and may go then."""

    vm_id: int
    name: str
    why: Why
    waits: bool = False

    @property
    def message(self) -> str:
        """In English."""
        return self.why[0] % self.why[1]


@dataclass(frozen=True)
class Outlook:
    """What emptying a host comes to. `off` are machines that take nothing and stay as they are.

    `losses` say what N+1 lacks once it is done; None where the cluster does not look at it.
    """

    moves: tuple[Going, ...] = ()
    stays: tuple[Staying, ...] = ()
    off: tuple[str, ...] = ()
    seconds: int = 0
    rate_mib_s: float = ASSUMED_MIB_S
    is_measured: bool = False
    losses: tuple[Loss, ...] | None = field(default=None)


def outlook_of(host: Host, *, tried: Mapping[int, Tried] | None = None) -> Outlook:
    """How `host` would be emptied now, after those were `tried`, by machine: a fixed number of queries."""
    tried, off = tried or {}, _off(host)
    movable = (
        read_movable(host.cluster, tried={pk: one.hosts for pk, one in tried.items()})
        if host.cluster
        else None
    )
    if movable is None or host.removed_at:
        return Outlook(off=off)
    movable = _open(_given_up(movable, tried), host)
    place = [row.id for row in movable.stock.hosts].index(host.pk)
    found = evacuate(movable.stock.fleet, place, cover_yields=True)
    after = _after(movable, found)
    moves = tuple(_going(movable, vm, target) for vm, target in found.moves)
    rate = _measured_mib_s()
    seconds = sum(move.memory_mib / (rate or ASSUMED_MIB_S) + SECONDS_A_MOVE for move in moves)
    return Outlook(
        moves,
        _staying(movable, found, after),
        off,
        round(seconds),
        rate or ASSUMED_MIB_S,
        rate is not None,
        _losses(movable, after),
    )


def _off(host: Host) -> tuple[str, ...]:
    there = Vm.objects.present().filter(host=host).exclude(seen__in=ON)
    return tuple(there.order_by("name").values_list("name", flat=True))


def _given_up(movable: Movable, tried: Mapping[int, Tried]) -> Movable:
    """Machines that were tried often enough stay."""
    places = {int(pk): place for place, pk in enumerate(movable.stock.vm_ids)}
    over = {places[pk]: one.why for pk, one in tried.items() if one.ends and pk in places}
    over = {place: why for place, why in over.items() if place not in movable.stuck}
    pinned = movable.stock.fleet.vms.pinned.copy()
    pinned[list(over)] = True
    fleet = movable.stock.fleet
    fleet = replace(fleet, vms=replace(fleet.vms, pinned=pinned))
    return replace(movable, stock=replace(movable.stock, fleet=fleet), stuck={**movable.stuck, **over})


def _open(movable: Movable, host: Host) -> Movable:
    """With the host as before its maintenance: what is planned does not change as it begins."""
    fleet = movable.stock.fleet
    offline = np.array([not row.takes_machines and row.id != host.pk for row in movable.stock.hosts], bool)
    fleet = replace(fleet, hosts=replace(fleet.hosts, offline=offline))
    return replace(movable, stock=replace(movable.stock, fleet=fleet))


def _after(movable: Movable, found: Evacuation) -> Use:
    """The cluster when all of it is done, and the host takes nothing."""
    fleet = movable.stock.fleet
    where, offline = fleet.vms.host.copy(), fleet.hosts.offline.copy()
    for vm, target in found.moves:
        where[vm] = target
    offline[found.host] = True
    return Use(replace(fleet, hosts=replace(fleet.hosts, offline=offline)).placed(where))


def _going(movable: Movable, vm: int, target: int) -> Going:
    row, vms = movable.stock.hosts[target], movable.stock.fleet.vms
    return Going(int(movable.stock.vm_ids[vm]), movable.names[vm], row.id, row.name, int(vms.memory_mib[vm]))


def _staying(movable: Movable, found: Evacuation, after: Use) -> tuple[Staying, ...]:
    """Those that run and stay; what is pinned and off is no hindrance."""
    ids = [int(movable.stock.vm_ids[vm]) for vm, _ in found.stays]
    running = set(Vm.objects.filter(pk__in=ids, seen__in=ON).values_list("pk", flat=True))
    return tuple(
        Staying(pk, movable.names[vm], why, waits=why == BUSY)
        for pk, (vm, _) in zip(ids, found.stays, strict=True)
        if pk in running and (why := movable.stuck.get(vm) or _no_host(movable, after, vm))
    )


def _no_host(movable: Movable, after: Use, vm: int) -> Why:
    """Why none of the other hosts can take it, by name."""
    hosts = movable.stock.hosts
    others = [place for place in range(len(hosts)) if place != after.where[vm]]
    said = [(hosts[place].name, _why_not(movable, after, vm, place)) for place in others[:_MOST_NAMED]]
    whys = [f"{name}: {why_not_there[0] % why_not_there[1]}" for name, why_not_there in said]
    return (_NO_HOST, {"why": " ".join(whys)}) if whys else _ALONE


def _why_not(movable: Movable, after: Use, vm: int, place: int) -> Why:
    row = movable.stock.hosts[place]
    if row.maintenance_since:
        return "It is in maintenance.", {}
    if not row.is_online:
        return "It does not answer.", {}
    found = movable.barred[vm][place] or why_not(after, after.fleet.vms.want(vm), place)
    return found or ("It has no room for it.", {})


def _losses(movable: Movable, after: Use) -> tuple[Loss, ...] | None:
    if movable.stock.cluster.cover == Cover.OFF:
        return None
    lost = {
        int(host): n_plus_1.stranded(after, int(host)) for host in np.flatnonzero(n_plus_1.uncovered(after))
    }
    names, hosts = movable.names, movable.stock.hosts
    return tuple(Loss(hosts[host].name, tuple(names[vm] for vm in vms)) for host, vms in lost.items())


def _measured_mib_s() -> float | None:
    """What the latest moves copied a second, None before the first."""
    done = Job.objects.filter(kind="vm.migrate", state=JobState.DONE).order_by("-pk")[:_MEASURED]
    copied = [_copied(*values) for values in done.values_list("args", "started_at", "finished_at")]
    known = [(mib, seconds) for mib, seconds in copied if mib and seconds > 0]
    return sum(mib for mib, _ in known) / sum(seconds for _, seconds in known) if known else None


def _copied(args: dict[str, Any], started: Any, finished: Any) -> tuple[float, float]:
    total = args.get("told", {}).get("total_bytes") or 0
    return total / 2**20, (finished - started).total_seconds() if started and finished else 0.0
