"""Plan how a host is emptied: where each of its machines goes, what cannot move, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vrabec.scheduler import n_plus_1
from vrabec.scheduler.allocate import scores
from vrabec.scheduler.fleet import Bools, Fleet, Ints
from vrabec.scheduler.rules import Words, fitting
from vrabec.scheduler.use import Use

PINNED: Words = ("It is pinned to its host.", {})
NO_HOST: Words = ("No other host can take it.", {})
NOT_COVERED: Words = ("Wherever it goes, not every machine would find a place if another host died.", {})


@dataclass(frozen=True)
class Evacuation:
    """The moves in order, as machine and target; and the machines that stay, each with the reason."""

    host: int
    moves: tuple[tuple[int, int], ...]
    stays: tuple[tuple[int, Words], ...]


def evacuate(fleet: Fleet, host: int, *, cover_yields: bool = False) -> Evacuation:
    """How to empty `host`: the largest machines first, each to where it leaves the cluster most even.

    No rule is broken by any step. When the hosts that remain could not do without another one, nothing moves;
    with `cover_yields` N+1 is kept as long as that goes, and machines move on without it.
    """
    use, uncovered = Use(_without(fleet, host)), n_plus_1.uncovered(Use(fleet))
    moves, stays = list[tuple[int, int]](), list[tuple[int, Words]]()
    is_kept = True
    for vm in _largest_first(use, host):
        hosts = _best_first(use, vm)
        target = _covered(use, vm, hosts, uncovered) if is_kept else None
        if target is None and cover_yields and hosts:
            target, is_kept = hosts[0], False
        if target is None:
            stays.append((vm, _why_it_stays(use, vm)))
            continue
        use.move(vm, target)
        moves.append((vm, target))
    return Evacuation(host, tuple(moves), tuple(stays))


def _without(fleet: Fleet, host: int) -> Fleet:
    """The cluster with the host out of use: it takes nothing and its machines have to go."""
    offline = fleet.hosts.offline.copy()
    offline[host] = True
    return replace(fleet, hosts=replace(fleet.hosts, offline=offline))


def _largest_first(use: Use, host: int) -> list[int]:
    on_it = np.flatnonzero(use.where == host)
    return [int(vm) for vm in on_it[np.argsort(-use.fleet.vms.memory_mib[on_it], kind="stable")]]


def _best_first(use: Use, vm: int) -> list[int]:
    hosts = _open_to(use, vm)
    order: list[int] = hosts[np.argsort(scores(use, use.fleet.vms.want(vm))[hosts], kind="stable")].tolist()
    return order


def _covered(use: Use, vm: int, hosts: list[int], uncovered: Bools) -> int | None:
    return next((host for host in hosts if not n_plus_1.worsens(use, vm, host, uncovered)), None)


def _why_it_stays(use: Use, vm: int) -> Words:
    if use.fleet.vms.pinned[vm]:
        return PINNED
    return NOT_COVERED if _open_to(use, vm).size else NO_HOST


def _open_to(use: Use, vm: int) -> Ints:
    """The hosts that can take it; one that is pinned may go to none."""
    vms = use.fleet.vms
    return np.flatnonzero(fitting(use, vms.want(vm)) & ~vms.pinned[vm])
