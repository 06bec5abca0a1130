"""How full clusters and hosts are, what fits still, and whom a host would take along that dies.

From stored facts in a fixed number of queries. What is promised counts machines that run or should run;
of disks it counts all machines. A cluster's sums count the hosts that take machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, Greatest

from vrabec.lib.actor import Actor
from vrabec.lib.errors import NotFound
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Vm
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.capacity import Death, how_many, worst_death
from vrabec.scheduler.fleet import Want
from vrabec.services.fleets import ON, WITHIN_REACH, HostRow, Stock, read_stocks
from vrabec.services.permissions import require
from vrabec.services.sizes import SIZES, Size

MOST_NAMED = 5
_ALIKE = 0.01
"""Pools of one size in a cluster whose free space differs by no more than this part of it are one folder."""


@dataclass(frozen=True)
class Amounts:
    """Of CPUs, memory and disk: what there is, what may be promised, what is promised, and what is used.

    `memory_kept_mib` is what would go to machines of the host whose death would leave least. Memory is used
    by guests, as they say; disks promise what they could grow to. `vms` are machines that run or should.
    """

    vms: int = 0
    cpus: int = 0
    cpus_most: int = 0
    cpus_promised: int = 0
    cpus_used: float = 0.0
    memory_mib: int = 0
    memory_most_mib: int = 0
    memory_promised_mib: int = 0
    memory_used_mib: int = 0
    memory_kept_mib: int = 0
    disk_mib: int = 0
    disk_promised_mib: int = 0
    disk_used_mib: int = 0

    @property
    def cpus_free(self) -> int:
        """CPUs that may still be promised."""
        return max(0, self.cpus_most - self.cpus_promised)

    @property
    def memory_free_mib(self) -> int:
        """Memory that may still be promised, also what is kept for a host's death."""
        return max(0, self.memory_most_mib - self.memory_promised_mib)

    @property
    def disk_free_mib(self) -> int:
        """Disk that nothing takes yet, whatever was promised of it."""
        return max(0, self.disk_mib - self.disk_used_mib)


@dataclass(frozen=True)
class HostCapacity:
    """One host. If it died, `lost` machines would find no place; the names are those of the first of them."""

    host: HostRow
    amounts: Amounts
    lost: int
    lost_names: tuple[str, ...]


@dataclass(frozen=True)
class Worst:
    """The host whose death would leave the least memory free: its machines, and what would be left."""

    host: str
    vms: int
    left_mib: int


@dataclass(frozen=True)
class SizeRoom:
    """How many more machines of a size fit, and how many of them keep N+1: the same where nobody looks."""

    size: Size
    most: int
    covered: int


@dataclass(frozen=True)
class ClusterCapacity:
    """One cluster. `looks_at_death`: whether it is asked for N+1; a host alone has none to stand in for it.

    `one_disk` are hosts whose disk is taken for one folder that they share, and counted once.
    """

    cluster: Cluster
    amounts: Amounts
    hosts: tuple[HostCapacity, ...]
    rooms: tuple[SizeRoom, ...]
    looks_at_death: bool
    worst: Worst | None
    one_disk: tuple[str, ...]

    @property
    def is_covered(self) -> bool:
        """Any one host may die."""
        return not any(one.lost for one in self.hosts)


@dataclass(frozen=True)
class _Used:
    """What machines of one host use and are promised, as they were last seen."""

    memory_mib: int = 0
    cpus: float = 0.0
    disk_mib: int = 0


def read_capacity(actor: Actor, *, cluster_id: int | None = None) -> tuple[ClusterCapacity, ...]:
    """Every cluster that has hosts, or one: at most eight queries. Raises Forbidden, NotFound."""
    require(actor, "cluster.capacity")
    hosts = None if cluster_id is None else Host.objects.present().filter(cluster=cluster_id)
    stocks = read_stocks(hosts)
    if cluster_id is not None and not stocks:
        raise NotFound("There is no cluster with this id that has hosts.")
    used, image_mib = _used(), _least_image_mib()
    found = [_Part(stock, used, image_mib) for stock in stocks]
    names = _names(vm_id for part in found for vm_id in part.named)
    return tuple(part.capacity(names) for part in found)


def _used() -> dict[int, _Used]:
    running = Q(seen__in=ON)
    rows = (
        Vm.objects.present()
        .filter(host__isnull=False)
        .values("host_id")
        .annotate(
            memory=Sum("load__memory_used_mib", filter=running, default=0),
            busy=Sum(F("load__cpu_percent") * F("cpus") / 100.0, filter=running, default=0.0),
            disk=Sum(Greatest("disk_mib", Coalesce("load__disk_size_mib", 0)), default=0),
        )
        .order_by()
    )
    return {row["host_id"]: _Used(row["memory"], row["busy"], row["disk"]) for row in rows}


def _least_image_mib() -> int:
    """What the smallest template takes of a host's disk: a machine fits where at least that is free."""
    ready = Template.objects.filter(state=TemplateState.READY)
    return ready.order_by("disk_mib").values_list("disk_mib", flat=True).first() or 0


def _names(vm_ids: Iterable[int]) -> dict[int, str]:
    wanted = set(vm_ids)
    return dict(Vm.objects.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}


class _Part:
    """What is worked out of one cluster."""

    def __init__(self, stock: Stock, used: dict[int, _Used], image_mib: int) -> None:
        self.stock = stock
        self._used = used
        self._image_mib = image_mib
        self._looks = stock.cover != Cover.OFF
        self._uncovered = n_plus_1.uncovered(stock.use)
        self._death = worst_death(stock.use) if self._looks else None
        lost = np.flatnonzero(self._uncovered) if self._looks else ()
        self._lost = {int(host): n_plus_1.stranded(stock.use, int(host)) for host in lost}

    @property
    def named(self) -> Iterator[int]:
        """The ids of the machines whose names are needed."""
        return (int(self.stock.vm_ids[vm]) for vms in self._lost.values() for vm in vms[:MOST_NAMED])

    def capacity(self, names: dict[int, str]) -> ClusterCapacity:
        """The whole of it."""
        hosts = tuple(self._host(place, names) for place in range(len(self.stock.hosts)))
        online = [one for one in hosts if one.host.takes_machines]
        one_disk = _one_disk(online)
        return ClusterCapacity(
            cluster=self.stock.cluster,
            amounts=_sum(online, set(one_disk[1:])),
            hosts=hosts,
            rooms=tuple(self._room(size) for size in SIZES),
            looks_at_death=self._looks,
            worst=self._worst(self._death) if self._death else None,
            one_disk=tuple(sorted(one_disk)),
        )

    def _host(self, place: int, names: dict[int, str]) -> HostCapacity:
        lost = self._lost.get(place, ())
        first = tuple(names.get(int(self.stock.vm_ids[vm]), "") for vm in lost[:MOST_NAMED])
        return HostCapacity(self.stock.hosts[place], self._amounts(place), len(lost), first)

    def _amounts(self, place: int) -> Amounts:
        stock, row = self.stock, self.stock.hosts[place]
        used, limits = self._used.get(row.id, _Used()), stock.fleet.limits
        kept_mib = float(stock.fleet.hosts.memory_kept_mib[place])
        return Amounts(
            vms=int(stock.use.count[place]),
            cpus=row.cpus,
            cpus_most=int(row.cpus * limits.cpu_ratio),
            cpus_promised=int(stock.use.cpus[place]),
            cpus_used=round(used.cpus, 1),
            memory_mib=row.memory_mib,
            memory_most_mib=max(0, int((row.memory_mib - kept_mib) * limits.memory_ratio)),
            memory_promised_mib=int(stock.use.memory_mib[place]),
            memory_used_mib=used.memory_mib,
            memory_kept_mib=int(self._death.kept_mib[place]) if self._death else 0,
            disk_mib=row.pool_total_mib,
            disk_promised_mib=used.disk_mib,
            disk_used_mib=row.pool_total_mib - row.pool_free_mib,
        )

    def _worst(self, death: Death) -> Worst:
        host = self.stock.hosts[death.host]
        return Worst(host.name, int(self.stock.use.count[death.host]), int(death.left_mib))

    def _room(self, size: Size) -> SizeRoom:
        """Disks are thin: a machine asks for what its template takes at the most."""
        room = self.stock.prepared(row.cpus >= size.cpus for row in self.stock.hosts)
        want = Want(size.memory_mib, size.cpus, self._image_mib, needs=WITHIN_REACH)
        found = how_many(room.use, want, room.uncovered)
        return SizeRoom(size, found.most, found.covered if self._looks else found.most)


def _sum(hosts: list[HostCapacity], same_disk: set[str]) -> Amounts:
    """All together; of a folder that hosts share the size and what is used count once."""
    once = [
        replace(one.amounts, disk_mib=0, disk_used_mib=0) if one.host.name in same_disk else one.amounts
        for one in hosts
    ]
    return Amounts(**{field.name: sum(getattr(one, field.name) for one in once) for field in fields(Amounts)})


def _one_disk(hosts: list[HostCapacity]) -> list[str]:
    """Hosts whose pools are of one size and equally full: a folder that they share, as far as is known."""
    sizes = {one.host.pool_total_mib for one in hosts}
    if len(hosts) < 2 or len(sizes) != 1 or 0 in sizes:
        return []
    free = [one.host.pool_free_mib for one in hosts]
    return [one.host.name for one in hosts] if max(free) - min(free) <= _ALIKE * sizes.pop() else []
