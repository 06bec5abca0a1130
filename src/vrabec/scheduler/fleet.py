"""A cluster as arrays: its hosts, its machines, and what the machines take of each host."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bits = NDArray[np.uint64]

NO_FARM = -1
LOADS = ("cpu", "memory", "disk", "net")


@dataclass(frozen=True)
class Hosts:
    """What each host has. `kept` is what something else than machines takes of it.

    `offers` are the storage pools and networks within reach, as bits that `Vms.needs` are compared with.
    A host that is offline takes nothing: it is in maintenance, or does not answer.
    """

    names: tuple[str, ...]
    memory_mib: Floats
    memory_kept_mib: Floats
    disk_mib: Floats
    disk_kept_mib: Floats
    cpus: Floats
    cpus_kept: Floats
    cpu_speed: Floats
    offline: Bools
    offers: Bits

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def scale(self) -> Floats:
        """By what an amount of each of the score's metrics counts on each host."""
        memory, disk = 1 / np.maximum(self.memory_mib, 1), 1 / np.maximum(self.disk_mib, 1)
        cpus, one = 1 / np.maximum(self.cpus * self.cpu_speed, 1), np.ones(len(self))
        return np.stack([memory, memory, disk, cpus, one, one, one, one])


@dataclass(frozen=True)
class Vms:
    """What each machine takes, and where it is. `disk_mib` is what moves with it: nothing on shared storage.

    `runs` says which machines take their memory now; the others are promised it.
    A row of `farms` holds the numbers of the farms whose machines want to be apart, padded with NO_FARM.
    """

    names: tuple[str, ...]
    host: Ints
    memory_mib: Floats
    disk_mib: Floats
    cpus: Floats
    load: Floats
    runs: Bools
    pinned: Bools
    farms: Ints
    needs: Bits

    def __len__(self) -> int:
        return len(self.names)

    def want(self, vm: int) -> Want:
        """What one of them takes."""
        return Want(
            memory_mib=float(self.memory_mib[vm]),
            cpus=float(self.cpus[vm]),
            disk_mib=float(self.disk_mib[vm]),
            load=tuple(self.load[vm]),
            farms=tuple(int(farm) for farm in self.farms[vm] if farm != NO_FARM),
            needs=int(self.needs[vm]),
        )


@dataclass(frozen=True)
class Want:
    """What one machine takes: one that is to be placed, or one that is there."""

    memory_mib: float
    cpus: float
    disk_mib: float = 0.0
    load: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    farms: tuple[int, ...] = ()
    needs: int = 0


@dataclass(frozen=True)
class Limits:
    """How much of a host may be promised: times its memory, times its CPUs."""

    memory_ratio: float = 1.0
    cpu_ratio: float = float("inf")


@dataclass(frozen=True)
class Fleet:
    """A cluster at one moment."""

    hosts: Hosts
    vms: Vms
    limits: Limits = field(default_factory=Limits)

    def moved(self, vm: int, host: int) -> Fleet:
        """The cluster after one move."""
        where = self.vms.host.copy()
        where[vm] = host
        return self.placed(where)

    def placed(self, where: Ints) -> Fleet:
        """The same cluster with its machines elsewhere."""
        return replace(self, vms=replace(self.vms, host=where))

    def joined(self, want: Want, host: int) -> Fleet:
        """The cluster with one machine more, as its last. Its farms and needs are not kept."""
        vms = self.vms
        return replace(
            self,
            vms=Vms(
                names=(*vms.names, ""),
                host=np.append(vms.host, host),
                memory_mib=np.append(vms.memory_mib, want.memory_mib),
                disk_mib=np.append(vms.disk_mib, want.disk_mib),
                cpus=np.append(vms.cpus, want.cpus),
                load=np.append(vms.load, [want.load], axis=0),
                runs=np.append(vms.runs, True),
                pinned=np.append(vms.pinned, False),
                farms=np.append(vms.farms, np.full((1, vms.farms.shape[1]), NO_FARM), axis=0),
                needs=np.append(vms.needs, np.uint64(0)),
            ),
        )

    @property
    def farms(self) -> int:
        """How many farms there are."""
        return int(self.vms.farms.max(initial=NO_FARM)) + 1
