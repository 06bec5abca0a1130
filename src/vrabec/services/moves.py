"""Clusters as planning moves needs them: load, farms, and what each machine needs within reach.

It fills up what fleets.py reads for placing. Out of stored facts alone: whether two hosts share the storage
of a disk only they know, and a move looks before it begins (workflows/vm_migrate.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from vrabec.lib.fit import Needs, Offers, Why, missing
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.scheduler.fleet import NO_FARM, Bits, Floats, Vms
from vrabec.services.fleets import HostRow, Stock, read_stocks

DISK_BYTES_S = 500e6
NET_BYTES_S = 125e6
"""What counts as all of a host's disk and network: its own limits are not known."""
MOST_BITS = 64
BUSY: Why = ("Another job works on it.", {})
_RARE: Why = ("What it needs is too rare to be planned with: move it by itself.", {})
_STILL = {
    Seen.PAUSED: "It is paused: resume it first.",
    Seen.OFF: "It is off.",
    Seen.HIBERNATED: "It is hibernated.",
    Seen.CRASHED: "It has crashed.",
    Seen.PENDING: "It does not exist yet.",
    Seen.UNKNOWN: "Its state is unknown: its host does not answer.",
}


class _Row(NamedTuple):
    """A machine as far as moving it is concerned. `needs` is JSON as stored, "" where nothing is known."""

    pk: int
    host_id: int
    name: str
    uuid: UUID
    domain_name: str
    project_id: int | None
    farm: str
    seen: int
    cpus: int
    needs: str | None
    cpu_percent: float | None
    used_mib: int | None
    read: float | None
    written: float | None
    received: float | None
    sent: float | None


class _Reach(NamedTuple):
    """What decides which hosts can take a machine; machines that agree in it are looked at once."""

    needs: str
    cpus: int
    hosts: frozenset[int]
    clashes: frozenset[int]
    tried: frozenset[int]


@dataclass(frozen=True)
class Movable:
    """A cluster whose arrays know load, farms, `needs` and `offers`.

    `names` and `stuck` go by a machine's place in the arrays: why it stays, whatever room there is elsewhere;
    `barred` says of it why not each of the hosts, None for one that would do.
    """

    stock: Stock
    names: tuple[str, ...]
    stuck: Mapping[int, Why]
    barred: tuple[tuple[Why | None, ...], ...]


def read_movable(cluster: Cluster, *, tried: Mapping[int, Iterable[int]] | None = None) -> Movable | None:
    """The cluster for planning moves, None while it has no host: nine queries.

    `tried` bars hosts from machines, both by their ids.
    """
    hosts = Host.objects.present().filter(cluster=cluster)
    stock = next(iter(read_stocks(hosts)), None)
    if stock is None:
        return None
    rows = _rows(Vm.objects.present().filter(host__in=hosts))
    stock = _with_idle_farms(stock, rows)
    reaches = _reaches(stock, rows, tried or {})
    barred = _barred(stock, hosts, set(reaches))
    busy = {pk or 0 for pk in Job.objects.active().filter(vm__isnull=False).values_list("vm_id", flat=True)}
    known = [rows.get(int(pk)) for pk in stock.vm_ids]
    held = {reach.needs: _held(reach.needs) for reach in set(reaches)}
    stuck = {place: why for place, row in enumerate(known) if (why := _stuck(row, busy, held))}
    needs, offers, rare = _bits(reaches, barred, len(stock.hosts))
    stuck |= dict.fromkeys(rare - stuck.keys(), _RARE)
    vms = replace(_filled(stock, known), needs=needs, pinned=_flags(stuck, len(known)))
    fleet = replace(stock.fleet, vms=vms, hosts=replace(stock.fleet.hosts, offers=offers))
    names = tuple(row.name if row else "" for row in known)
    return Movable(replace(stock, fleet=fleet), names, stuck, tuple(barred[reach] for reach in reaches))


def _rows(vms: QuerySet[Vm]) -> dict[int, _Row]:
    """By our id."""
    loads = ("cpu_percent", "memory_used_mib", "disk_read_bytes_s", "disk_written_bytes_s")
    nets = ("net_received_bytes_s", "net_sent_bytes_s")
    own = ("pk", "host_id", "name", "uuid", "domain_name", "project_id", "farm", "seen", "cpus")
    stored = vms.annotate(needs=Cast("xml__needs", TextField()))
    found = stored.values_list(*own, "needs", *(f"load__{name}" for name in (*loads, *nets)))
    return {values[0]: _Row(*values) for values in found}


def _with_idle_farms(stock: Stock, rows: Mapping[int, _Row]) -> Stock:
    """Machines of farms that are off take nothing and keep the others of their farm away all the same."""
    counted, places = set(stock.vm_ids.tolist()), {row.id: place for place, row in enumerate(stock.hosts)}
    idle = [row for row in rows.values() if row.farm and row.pk not in counted and row.host_id in places]
    if not idle:
        return stock
    vms, none = stock.fleet.vms, np.zeros(len(idle))
    more = replace(
        vms,
        names=("",) * (len(vms) + len(idle)),
        host=np.append(vms.host, [places[row.host_id] for row in idle]),
        memory_mib=np.append(vms.memory_mib, none),
        disk_mib=np.append(vms.disk_mib, none),
        cpus=np.append(vms.cpus, none),
        runs=np.append(vms.runs, none.astype(bool)),
    )
    ids = np.append(stock.vm_ids, [row.pk for row in idle])
    return replace(stock, vm_ids=ids, fleet=replace(stock.fleet, vms=more))


def _stuck(row: _Row | None, busy: set[int], held: Mapping[str, Why | None]) -> Why | None:
    """Why a machine can go nowhere at all; one without a row comes from elsewhere just now."""
    if row is None or row.pk in busy:
        return BUSY
    if row.seen != Seen.RUNNING:
        return _STILL[Seen(row.seen)], {}
    return held[row.needs or ""]


def _held(needs: str) -> Why | None:
    """What of a machine's own keeps it from going anywhere."""
    return next(iter(missing(replace(_needs(needs), networks=()), Offers())), None)


def _needs(stored: str) -> Needs:
    return Needs.of(json.loads(stored or "{}"))


# --- what is within reach


def _reaches(stock: Stock, rows: Mapping[int, _Row], tried: Mapping[int, Iterable[int]]) -> list[_Reach]:
    pins, clashes = _pins(rows), _clashes(rows.values())
    least = min(row.cpus for row in stock.hosts)
    none = frozenset[int]()
    found = []
    for pk in stock.vm_ids.tolist():
        row = rows.get(pk)
        cpus = row.cpus if row and row.cpus > least else 0
        needs = (row.needs or "") if row else ""
        barred = clashes.get(pk, none)
        found.append(_Reach(needs, cpus, pins.get(pk, none), barred, frozenset(tried.get(pk, ()))))
    return found


def _pins(rows: Mapping[int, _Row]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for vm_id, host_id in Vm.pinned_to.through.objects.values_list("vm_id", "host_id"):
        if vm_id in rows:
            found.setdefault(vm_id, set()).add(host_id)
    return {vm_id: frozenset(hosts) for vm_id, hosts in found.items()}


def _clashes(rows: Iterable[_Row]) -> dict[int, frozenset[int]]:
    """By machine the other hosts that have one of its name or UUID."""
    owners: dict[object, list[_Row]] = {}
    for row in rows:
        owners.setdefault(row.uuid, []).append(row)
        owners.setdefault(row.domain_name, []).append(row)
    found: dict[int, frozenset[int]] = {}
    for same in owners.values():
        for row in same if len(same) > 1 else ():
            others = {other.host_id for other in same} - {row.host_id}
            found[row.pk] = found.get(row.pk, frozenset()) | others
    return found


def _barred(
    stock: Stock, hosts: QuerySet[Host], reaches: set[_Reach]
) -> dict[_Reach, tuple[Why | None, ...]]:
    """Of each kind of machine why not each host. Hosts that offer the same are looked at once."""
    stored = hosts.annotate(text=Cast("offers", TextField()), nets=Cast("networks", TextField()))
    texts = {pk: (offers, nets) for pk, offers, nets in stored.values_list("pk", "text", "nets")}
    offers = {text: _offers(*text) for text in set(texts.values())}
    names = {row.id: row.name for row in stock.hosts}
    found = {}
    for reach in reaches:
        needs = _needs(reach.needs)
        whys = {text: next(iter(missing(needs, offer)), None) for text, offer in offers.items()}
        found[reach] = tuple(_why(reach, row, names, whys[texts[row.id]]) for row in stock.hosts)
    return found


def _offers(offers: str, networks: str) -> Offers:
    return replace(Offers.of(json.loads(offers)), networks=tuple(json.loads(networks)))


def _why(reach: _Reach, host: HostRow, names: Mapping[int, str], lacks: Why | None) -> Why | None:
    return next(iter(_whys(reach, host, names)), lacks)


def _whys(reach: _Reach, host: HostRow, names: Mapping[int, str]) -> Iterator[Why]:
    if reach.hosts and host.id not in reach.hosts:
        bound = sorted(names.get(pk, "another cluster's") for pk in reach.hosts)
        yield "The machine is bound to %(hosts)s.", {"hosts": ", ".join(bound)}
    if reach.cpus > host.cpus:
        yield "It has only %(cpus)s CPUs.", {"cpus": host.cpus}
    if host.id in reach.clashes:
        yield "It has a machine with this name or UUID already.", {}
    if host.id in reach.tried:
        yield "It was tried there, and did not move.", {}


def _bits(
    reaches: list[_Reach], barred: Mapping[_Reach, tuple[Why | None, ...]], hosts: int
) -> tuple[Bits, Bits, set[int]]:
    """A bit for each set of hosts that would do, and the places of machines for whose set none was left."""
    masks = {reach: tuple(why is None for why in whys) for reach, whys in barred.items()}
    picky = {reach: mask for reach, mask in masks.items() if not all(mask)}
    usual = Counter(picky[reach] for reach in reaches if reach in picky).most_common(MOST_BITS)
    bits = {mask: np.uint64(1) << np.uint64(bit) for bit, (mask, _) in enumerate(usual)}
    offers, none = np.zeros(hosts, np.uint64), np.uint64(0)
    for mask, bit in bits.items():
        offers[list(mask)] |= bit
    rare = {place for place, reach in enumerate(reaches) if reach in picky and picky[reach] not in bits}
    return np.array([bits.get(masks[reach], none) for reach in reaches], np.uint64), offers, rare


# --- what the machines are


def _filled(stock: Stock, known: list[_Row | None]) -> Vms:
    """The machines with their names, farms and load."""
    farms: dict[Any, int] = {}
    own = [(row.project_id, row.farm) if row and row.farm else None for row in known]
    numbers = [farms.setdefault(farm, len(farms)) if farm else NO_FARM for farm in own]
    return replace(
        stock.fleet.vms,
        names=tuple(row.name if row else "" for row in known),
        farms=np.array(numbers, np.int64).reshape(-1, 1),
        load=_loads(stock, known),
    )


def _loads(stock: Stock, known: list[_Row | None]) -> Floats:
    """In parts of what a usual host of the cluster has."""
    columns = [
        (
            (row.cpu_percent or 0) / 100 * row.cpus,
            row.used_mib or 0,
            (row.read or 0) + (row.written or 0),
            (row.received or 0) + (row.sent or 0),
        )
        if row
        else (0.0, 0.0, 0.0, 0.0)
        for row in known
    ]
    hosts = stock.fleet.hosts
    usual = (max(1.0, hosts.cpus.mean()), max(1.0, hosts.memory_mib.mean()), DISK_BYTES_S, NET_BYTES_S)
    loads: Floats = np.array(columns, float).reshape(-1, 4) / np.array(usual)
    return loads


def _flags(places: Iterable[int], number: int) -> Any:
    flags = np.zeros(number, bool)
    flags[list[int](places)] = True
    return flags
