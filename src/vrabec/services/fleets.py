"""Clusters as the scheduler sees them: arrays built from the database, inside the transaction that reserves.

What they hold is what placing needs. A machine counts while it runs or should; where it may move to, is not
looked at: the arrays are not for planning moves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Greatest

from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.scheduler.allocate import Room, prepare
from vrabec.scheduler.fleet import NO_FARM, Fleet, Hosts, Ints, Limits, Vms
from vrabec.scheduler.use import Use

HOST_RESERVE_MIB = 512
"""Memory kept for the host itself."""
PART = 500
"""Rows that are fetched at once."""
WITHIN_REACH = 1
"""The bit that a host offers to a machine when no rule of services/placement.py is in the way."""
ON = (Seen.RUNNING, Seen.PAUSED)


class HostRow(NamedTuple):
    """What placing needs to know of a host."""

    id: int
    name: str
    cluster_id: int | None
    state: str
    cpus: int
    memory_mib: int
    networks: tuple[str, ...]
    pool_free_mib: int
    pool_total_mib: int
    maintenance_since: datetime | None = None

    @property
    def is_online(self) -> bool:
        """It answers."""
        return self.state == HostState.ONLINE

    @property
    def takes_machines(self) -> bool:
        """It answers, and is not in maintenance."""
        return self.is_online and self.maintenance_since is None


_NETWORKS = HostRow._fields.index("networks")


@dataclass(frozen=True)
class Stock:
    """A cluster now: its settings, its hosts by name, the ids of the machines that count, and the arrays."""

    cluster: Cluster
    hosts: tuple[HostRow, ...]
    vm_ids: Ints
    fleet: Fleet

    @cached_property
    def use(self) -> Use:
        """What the machines take of each host."""
        return Use(self.fleet)

    @property
    def cover(self) -> str:
        """What is done about N+1. A single host has none to stand in for it."""
        return self.cluster.cover if len(self.hosts) > 1 else Cover.OFF

    def prepared(self, allowed: Iterable[bool]) -> Room:
        """Prepared for placing what needs WITHIN_REACH: the hosts that are `allowed` offer it."""
        offers = np.fromiter(allowed, bool).astype(np.uint64) * np.uint64(WITHIN_REACH)
        return prepare(Use(replace(self.fleet, hosts=replace(self.fleet.hosts, offers=offers))))


def read_stocks(hosts: QuerySet[Host] | None = None, *, without_vm: int = 0) -> tuple[Stock, ...]:
    """The clusters of these hosts, or of all, the one with the lowest id first: five queries."""
    asked = Host.objects.present() if hosts is None else hosts
    found_hosts = _fetched(asked.order_by("name").values_list(*HostRow._fields))
    rows = [HostRow._make(row)._replace(networks=_networks(row[_NETWORKS])) for row in found_hosts]
    vms = Vm.objects.present() if hosts is None else Vm.objects.present().filter(host__in=hosts)
    found = _counted(vms.exclude(pk=without_vm), without_vm)
    known = Cluster.objects.filter(pk__in={row.cluster_id or 0 for row in rows}).order_by("pk")
    return tuple(_part(cluster, rows, found) for cluster in known)


def _counted(vms: QuerySet[Vm], without_vm: int) -> Ints:
    """A row a machine that runs or should: id, host, memory and CPUs. One that moves counts on both hosts."""
    most = Greatest("memory_mib", Coalesce("next_memory_mib", 0))
    on = vms.filter(Q(wished=Wished.ON) | Q(seen__in=ON), host__isnull=False)
    known = chain(_fetched(on.values_list("pk", "host_id", most, "cpus")), _coming(without_vm))
    rows = np.fromiter(chain.from_iterable(known), np.int64).reshape(-1, 4)
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    growing = _growing()
    for place in np.flatnonzero(np.isin(rows[:, 0], list(growing))):
        rows[place, 2] = max(rows[place, 2], growing[int(rows[place, 0])])
    return rows


def _fetched(rows: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows as the database gives them: for 20,000 Django takes twice the time."""
    return chain.from_iterable(_parts(rows))


def _parts(rows: QuerySet[Any, Any]) -> Iterator[list[tuple[Any, ...]]]:
    """Few at a time: of many at once Python would look for garbage in all that the process holds."""
    with connection.cursor() as cursor:
        cursor.execute(*rows.query.sql_with_params())
        yield from iter(partial(cursor.fetchmany, PART), [])


@lru_cache(maxsize=1000)
def _networks(text: str) -> tuple[str, ...]:
    """As the database keeps them; a thousand hosts have few different ones."""
    return tuple(json.loads(text))


def _growing() -> dict[int, int]:
    """Memory that jobs are about to give to running machines: the job itself is the promise."""
    jobs = Job.objects.active().filter(kind="vm.resize", vm__seen__in=ON).values_list("vm_id", "args")
    return {vm_id or 0: args.get("memory_mib") or 0 for vm_id, args in jobs}


def _coming(without_vm: int) -> Iterator[tuple[int, int, int, int]]:
    """Machines that jobs move, as of the hosts they move to: their rows are still with the others."""
    most = Greatest("vm__memory_mib", Coalesce("vm__next_memory_mib", 0))
    jobs = Job.objects.active().filter(kind="vm.migrate").exclude(vm=without_vm)
    for vm_id, host_id, args, mib, cpus in jobs.values_list("vm_id", "vm__host_id", "args", most, "vm__cpus"):
        if vm_id and host_id != args["target"]:
            yield vm_id, args["target"], mib, cpus


def _part(cluster: Cluster, rows: Iterable[HostRow], vms: Ints) -> Stock:
    own = [row for row in rows if row.cluster_id == cluster.pk]
    ids = np.array([row.id for row in own], np.int64)
    vms = vms[np.isin(vms[:, 1], ids)]
    by_id = np.argsort(ids)
    where = by_id[np.searchsorted(ids[by_id], vms[:, 1])]
    limits = Limits(memory_ratio=cluster.memory_ratio, cpu_ratio=cluster.cpu_ratio)
    return Stock(cluster, tuple(own), vms[:, 0], Fleet(_hosts(own), _vms(vms, where), limits))


def _hosts(rows: list[HostRow]) -> Hosts:
    nothing = np.zeros(len(rows))
    total = _column(row.pool_total_mib for row in rows)
    return Hosts(
        names=tuple(row.name for row in rows),
        memory_mib=_column(row.memory_mib for row in rows),
        memory_kept_mib=np.full(len(rows), HOST_RESERVE_MIB, float),
        disk_mib=total,
        disk_kept_mib=total - _column(row.pool_free_mib for row in rows),
        cpus=_column(row.cpus for row in rows),
        cpus_kept=nothing,
        cpu_speed=np.ones(len(rows)),
        offline=np.array([not row.takes_machines for row in rows], bool),
        offers=nothing.astype(np.uint64),
    )


def _column(values: Iterable[float]) -> np.ndarray:
    return np.fromiter(values, float)


def _vms(rows: Ints, where: Ints) -> Vms:
    number = len(rows)
    return Vms(
        names=("",) * number,
        host=where,
        memory_mib=rows[:, 2].astype(float),
        disk_mib=np.zeros(number),  # a pool's free space knows already what its volumes take
        cpus=rows[:, 3].astype(float),
        load=np.zeros((number, 4)),
        runs=np.ones(number, bool),
        pinned=np.zeros(number, bool),
        farms=np.full((number, 1), NO_FARM),
        needs=np.zeros(number, np.uint64),
    )
