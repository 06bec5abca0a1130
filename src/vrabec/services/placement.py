"""Where a machine goes: the scheduler's view of the hosts, built from the database inside the transaction."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from django.db import connection
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, Greatest

from vrabec.lib.errors import NoCapacity
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.scheduler.place import Ask, HostRoom, Verdict, judge, place

_PLACEMENT_LOCK = 0x7672_706C
"""PostgreSQL's advisory lock "vrpl": two placements must not see the same free memory."""


_ON = (Seen.RUNNING, Seen.PAUSED)


def take_lock() -> None:
    """Serialize placements for this transaction. SQLite's immediate transactions are serial already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PLACEMENT_LOCK])


def rooms(*, without_vm: int = 0) -> tuple[HostRoom, ...]:
    """Every host as the scheduler sees it: three queries, however many machines."""
    on = Q(wished=Wished.ON) | Q(seen__in=_ON)
    counted = Vm.objects.present().filter(on).exclude(pk=without_vm).order_by()
    most = Greatest("memory_mib", Coalesce("next_memory_mib", 0))
    promised = Counter(dict(counted.values("host_id").annotate(mib=Sum(most)).values_list("host_id", "mib")))
    promised.update(_growing(without_vm))
    return tuple(_room(host, promised[host.pk]) for host in Host.objects.present())


def _growing(without_vm: int) -> Counter[int]:
    """Memory that jobs are about to give to running machines, by host: the job itself is the promise."""
    more: Counter[int] = Counter()
    for job in Job.objects.active().filter(kind="vm.resize").exclude(vm=without_vm).select_related("vm"):
        vm = job.vm
        if vm and vm.host_id and vm.seen in _ON:
            has = max(vm.memory_mib, vm.next_memory_mib or 0)
            more[vm.host_id] += max(0, (job.args.get("memory_mib") or 0) - has)
    return more


def choose(ask: Ask) -> tuple[Verdict, ...]:
    """Every host's verdict, the chosen first. Raises NoCapacity when none fits."""
    verdicts = place(ask, rooms())
    if not verdicts:
        raise NoCapacity("There is no host yet. Add one: vrabec host add NAME --uri URI.")
    if not verdicts[0].fits:
        why = " ".join(f"{v.host.name}: {v.reason % v.params}" for v in verdicts[:5])
        raise NoCapacity("No host can take this machine. %(why)s", why=why)
    return verdicts


def require_room(vm: Vm, *, cpus: int = 0, memory_mib: int = 0) -> None:
    """Raise NoCapacity when the machine's own host cannot take it, or so much of it, but for its disk."""
    ask = Ask(cpus or vm.cpus, memory_mib or vm.memory_mib, vm.network)
    for room in rooms(without_vm=vm.pk):
        if room.id == vm.host_id:
            _require_fit(ask, room)


class Starts:
    """Room for several machines that start at once, each on its own host: three queries for all."""

    def __init__(self) -> None:
        self._rooms = {room.id: room for room in rooms()}

    def take(self, vm: Vm) -> None:
        """Promise one machine its memory. Raises NoCapacity when its host cannot take it any more."""
        room = self._rooms.get(vm.host_id or 0)
        if room is None:
            return
        most = max(vm.memory_mib, vm.next_memory_mib or 0)
        has = most if vm.wished == Wished.ON or vm.seen in _ON else 0
        without = replace(room, promised_mib=room.promised_mib - has)
        _require_fit(Ask(vm.cpus, vm.memory_mib, vm.network), without)
        self._rooms[room.id] = replace(without, promised_mib=without.promised_mib + most)


def _require_fit(ask: Ask, room: HostRoom) -> None:
    verdict = judge(ask, room)
    if not verdict.fits:
        why = verdict.reason % verdict.params
        raise NoCapacity("%(host)s cannot take it now. %(why)s", host=room.name, why=why)


def _room(host: Host, promised_mib: int) -> HostRoom:
    return HostRoom(
        id=host.pk,
        name=host.name,
        is_online=host.state == HostState.ONLINE,
        cpus=host.cpus,
        memory_mib=host.memory_mib,
        promised_mib=promised_mib,
        networks=tuple(host.networks),
        pool_free_mib=host.pool_free_mib,
    )
