"""What machines take of every host now: the one thing here that changes, for who tries moves."""

from __future__ import annotations

import numpy as np

from vrabec.scheduler.fleet import NO_FARM, Fleet, Floats


class Use:
    """The sums of every host, and which machine is where.

    `farm_count` has a row a farm and a last row for NO_FARM, which stays zero. `largest_mib` is the memory of
    each host's largest machine.
    """

    def __init__(self, fleet: Fleet) -> None:
        hosts, vms = fleet.hosts, fleet.vms
        self.fleet = fleet
        self.where = vms.host.copy()
        self.memory_mib = self._sum(vms.memory_mib)
        self.running_mib = self._sum(vms.memory_mib * vms.runs)
        self.disk_mib = self._sum(vms.disk_mib)
        self.cpus = self._sum(vms.cpus)
        self.load = np.stack([self._sum(column) for column in vms.load.T], axis=1)
        self.count = np.bincount(self.where, minlength=len(hosts))
        self.largest_mib = np.zeros(len(hosts))
        np.maximum.at(self.largest_mib, self.where, vms.memory_mib)
        self.farm_count = np.zeros((fleet.farms + 1, len(hosts)), np.int32)
        for column in vms.farms.T:
            member = column != NO_FARM
            np.add.at(self.farm_count, (column[member], vms.host[member]), 1)
        self._most_mib = (hosts.memory_mib - hosts.memory_kept_mib) * fleet.limits.memory_ratio
        self._most_mib[hosts.offline] = -np.inf
        self._most_cpus = hosts.cpus * fleet.limits.cpu_ratio - hosts.cpus_kept
        self._most_disk_mib = hosts.disk_mib - hosts.disk_kept_mib

    def _sum(self, values: Floats) -> Floats:
        return np.bincount(self.where, values, minlength=len(self.fleet.hosts)).astype(np.float64)

    @property
    def memory_room_mib(self) -> Floats:
        """Memory that may still be promised; less than nothing where too much was, minus infinity offline."""
        return self._most_mib - self.memory_mib

    @property
    def cpu_room(self) -> Floats:
        """CPUs that may still be promised."""
        return self._most_cpus - self.cpus

    @property
    def disk_room_mib(self) -> Floats:
        """Disk that is free."""
        return self._most_disk_mib - self.disk_mib

    def placed(self) -> Fleet:
        """The cluster as it is now."""
        return self.fleet.placed(self.where.copy())

    def move(self, vm: int, host: int) -> None:
        """Put one machine on another host."""
        vms, home = self.fleet.vms, int(self.where[vm])
        self.where[vm] = host
        memory = vms.memory_mib[vm]
        for used, amount in (
            (self.memory_mib, memory),
            (self.running_mib, memory * vms.runs[vm]),
            (self.disk_mib, vms.disk_mib[vm]),
            (self.cpus, vms.cpus[vm]),
            (self.load, vms.load[vm]),
            (self.count, 1),
        ):
            used[home] -= amount
            used[host] += amount
        for farm in vms.farms[vm]:
            if farm != NO_FARM:
                self.farm_count[farm, home] -= 1
                self.farm_count[farm, host] += 1
        self._note_largest(home, host, memory)

    def _note_largest(self, home: int, host: int, memory: float) -> None:
        self.largest_mib[host] = max(self.largest_mib[host], memory)
        if memory >= self.largest_mib[home]:
            self.largest_mib[home] = self.fleet.vms.memory_mib[self.where == home].max(initial=0)
