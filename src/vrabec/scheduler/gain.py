"""How much a move changes the score: exactly for a few, nearly for all of them at once.

Each metric's variance after a move follows from what the two hosts have before it, so the exact change costs
the same however large the cluster is. To look at every machine with every host, the square root is replaced
by a straight line; what remains is a product of two matrices, one of the machines and one of the hosts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vrabec.scheduler.fleet import NO_FARM, Bools, Floats, Ints
from vrabec.scheduler.score import OFFLINE, TOGETHER, WEIGHTS, amounts, spread
from vrabec.scheduler.use import Use

Nearly = NDArray[np.float32]

_CELLS = 1_000_000
"""Moves that are looked at together: what is in between takes a few megabytes."""


class Gains:
    """The changes of the score by moves from where `use` is now, which says `moved` after each."""

    def __init__(self, use: Use) -> None:
        hosts, vms = use.fleet.hosts, use.fleet.vms
        self._use = use
        self._amounts = amounts(vms)
        self._scale = hosts.scale
        self._in_use = ~hosts.offline
        self._hosts = max(1, int(np.count_nonzero(self._in_use)))
        self._has_farm = (vms.farms != NO_FARM).any(axis=1)
        self._needs_reach = bool(vms.needs.any())
        typical = (self._amounts**2).mean(axis=0) if len(vms) else np.zeros(len(WEIGHTS))
        self._step = 2 * typical * (self._scale**2).mean(axis=1) / self._hosts
        self._leaves = np.zeros((len(vms), len(WEIGHTS)), np.float32)
        self._machines = np.zeros((len(vms), 3 * len(WEIGHTS) + 1), np.float32)
        self._machines[:, : 2 * len(WEIGHTS)] = np.hstack([self._amounts, self._amounts**2])
        self._lost = np.zeros(len(vms), np.float32)
        self._rehome(np.arange(len(vms)))
        self._look()

    def moved(self, vm: int, *hosts: int) -> None:
        """A machine went from one of two hosts to the other."""
        where = self._use.where
        self._rehome(np.array([vm]))
        near = np.flatnonzero((where == hosts[0]) | (where == hosts[1]))
        self._lost[near] = self._offences(near)
        self._look()

    def _rehome(self, vms: Ints) -> None:
        """Work out what follows from where these machines are."""
        width, homes = len(WEIGHTS), self._use.where[vms]
        leaves = self._amounts[vms] * (self._scale[:, homes] * self._in_use[homes]).T
        self._leaves[vms] = leaves
        self._machines[vms, 2 * width : 3 * width] = self._amounts[vms] * leaves
        self._lost[vms] = self._offences(vms)

    def _look(self) -> None:
        """Work out what follows from what the hosts have now."""
        values = spread(self._use)
        used = values[:, self._in_use] if self._in_use.any() else np.zeros((len(WEIGHTS), 1))
        self._variance = used.var(axis=1)
        self._deviation = np.sqrt(self._variance)
        self._off_mean = values - used.mean(axis=1)[:, None]
        self._is_stale = True

    def _draw(self) -> None:
        """Draw the straight lines for what the hosts have now: only who looks at many moves needs them."""
        self._slope = self._slopes()
        self._targets = self._lines()
        self._machines[:, -1] = self._leaving()
        self._is_stale = False

    def _leaving(self) -> Nearly:
        """What each machine's leaving changes, wherever it goes."""
        pull = (2 * self._slope[:, None] * self._off_mean).T.astype(np.float32)
        square = (self._slope * (1 - 1 / self._hosts)).astype(np.float32)
        leaves = self._leaves
        changes: Nearly = (
            (leaves**2) @ square - np.einsum("ij,ij->i", leaves, pull[self._use.where]) + self._lost
        )
        return changes

    def exact(self, vms: Ints, hosts: Ints) -> Floats:
        """The change of the score by each move of `vms` to `hosts`, one by one."""
        homes, taken = self._use.where[vms], self._amounts[vms].T
        leaves = taken * self._scale[:, homes] * self._in_use[homes]
        comes = taken * self._scale[:, hosts] * self._in_use[hosts]
        change = leaves * (leaves - 2 * self._off_mean[:, homes]) + comes * (
            comes + 2 * self._off_mean[:, hosts]
        )
        change -= (comes - leaves) ** 2 / self._hosts
        after = np.sqrt(np.maximum(self._variance[:, None] + change / self._hosts, 0))
        changes: Floats = WEIGHTS @ (after - self._deviation[:, None])
        changes += self._lost[vms] + self._won(vms, hosts)
        return changes

    def nearly(self, vms: Ints, hosts: Ints) -> Nearly:
        """The change of the score by each move of `vms`, a row each, to `hosts`; infinite if forbidden."""
        if self._is_stale:
            self._draw()
        changes: Nearly = self._machines[vms] @ self._targets[:, hosts]
        self._forbid(changes, vms, hosts)
        return changes

    def best(self, vms: Ints, hosts: Ints) -> Nearly:
        """The least change that a move of each of `vms` to one of `hosts` makes, nearly."""
        rows = max(1, _CELLS // max(1, len(hosts)))
        parts = [
            self.nearly(vms[begin : begin + rows], hosts).min(axis=1) for begin in range(0, len(vms), rows)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _slopes(self) -> Floats:
        """The straight lines in place of the square roots: through now, and one typical move away."""
        total = self._hosts * (self._deviation + np.sqrt(self._variance + self._step))
        slopes: Floats = np.divide(WEIGHTS, total, out=np.zeros_like(total), where=total > 0)
        return slopes

    def _lines(self) -> Nearly:
        """The matrix of the hosts: what a unit, its square, and a unit from elsewhere cost on each."""
        steep = self._slope[:, None] * self._scale
        square = steep * self._scale * (1 - 1 / self._hosts)
        one = np.ones((1, self._scale.shape[1]))
        return np.vstack([2 * steep * self._off_mean, square, 2 * steep / self._hosts, one]).astype(
            np.float32
        )

    def _offences(self, vms: Ints) -> Floats:
        """What the score loses when machines leave a host that is offline, or others of their farm."""
        use, homes = self._use, self._use.where[vms]
        change: Floats = np.where(self._in_use[homes], 0.0, -OFFLINE)
        for column in use.fleet.vms.farms[vms].T:
            change -= TOGETHER * ((use.farm_count[column, homes] > 1) & self._in_use[homes])
        return change

    def _won(self, vms: Ints, hosts: Ints) -> Floats:
        """What the score wins when machines come to a host that is offline, or to others of their farm."""
        use, in_use = self._use, self._in_use[hosts]
        change: Floats = np.where(in_use, 0.0, OFFLINE)
        for column in use.fleet.vms.farms[vms].T:
            change += TOGETHER * ((use.farm_count[column, hosts] > 0) & in_use)
        return change

    def _forbid(self, changes: Nearly, vms: Ints, hosts: Ints) -> None:
        use, machines = self._use, self._use.fleet.vms
        _forbid_tight(changes, use.memory_room_mib[hosts], machines.memory_mib[vms])
        _forbid_tight(changes, use.cpu_room[hosts], machines.cpus[vms])
        _forbid_tight(changes, use.disk_room_mib[hosts], machines.disk_mib[vms])
        if self._needs_reach:
            needs = machines.needs[vms, None]
            changes[(use.fleet.hosts.offers[hosts] & needs) != needs] = np.inf
        in_farm = np.flatnonzero(self._has_farm[vms])
        for column in machines.farms[vms[in_farm]].T:
            row, place = np.nonzero(use.farm_count[np.ix_(column, hosts)])
            yields = ~self._in_use[use.where[vms[in_farm[row]]]]
            changes[in_farm[row], place] += np.where(yields, TOGETHER, np.inf)
        changes[:, ~self._in_use[hosts]] = np.inf
        changes[machines.pinned[vms]] = np.inf
        _forbid_staying(changes, use.where[vms], hosts)


def _forbid_tight(changes: Nearly, room: Floats, needed: Floats) -> None:
    """Most hosts have room for every one of the machines: only the others are looked at."""
    tight = np.flatnonzero(room < needed.max(initial=0))
    if tight.size:
        changes[:, tight] = np.where(room[tight] < needed[:, None], np.inf, changes[:, tight])


def _forbid_staying(changes: Nearly, homes: Ints, hosts: Ints) -> None:
    place = np.full(int(max(homes.max(initial=0), hosts.max(initial=0))) + 1, -1)
    place[hosts] = np.arange(len(hosts))
    there: Bools = place[homes] >= 0
    changes[np.flatnonzero(there), place[homes[there]]] = np.inf
