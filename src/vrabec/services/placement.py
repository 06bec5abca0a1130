"""Where a machine goes: the scheduler's view of the hosts, built from the database inside the transaction."""

from __future__ import annotations

from django.db import connection
from django.db.models import Q, Sum

from vrabec.lib.errors import NoCapacity
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.scheduler.place import Ask, HostRoom, Verdict, judge, place

_PLACEMENT_LOCK = 0x7672_706C
"""PostgreSQL's advisory lock "vrpl": two placements must not see the same free memory."""


def take_lock() -> None:
    """Serialize placements for this transaction. SQLite's immediate transactions are serial already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PLACEMENT_LOCK])


def rooms(*, without_vm: int = 0) -> tuple[HostRoom, ...]:
    """Every host as the scheduler sees it: two queries, however many machines."""
    on = Q(wished=Wished.ON) | Q(seen__in=(Seen.RUNNING, Seen.PAUSED))
    counted = Vm.objects.present().filter(on).exclude(pk=without_vm).order_by()
    promised = dict(counted.values("host_id").annotate(mib=Sum("memory_mib")).values_list("host_id", "mib"))
    return tuple(_room(host, promised.get(host.pk) or 0) for host in Host.objects.present())


def choose(ask: Ask) -> tuple[Verdict, ...]:
    """Every host's verdict, the chosen first. Raises NoCapacity when none fits."""
    verdicts = place(ask, rooms())
    if not verdicts:
        raise NoCapacity("There is no host yet. Add one: vrabec host add NAME --uri URI.")
    if not verdicts[0].fits:
        why = " ".join(f"{v.host.name}: {v.reason % v.params}" for v in verdicts[:5])
        raise NoCapacity("No host can take this machine. %(why)s", why=why)
    return verdicts


def require_room(vm: Vm) -> None:
    """Raise NoCapacity when the machine's own host cannot take it, all but the disk counted."""
    ask = Ask(cpus=vm.cpus, memory_mib=vm.memory_mib, network=vm.network)
    for room in rooms(without_vm=vm.pk):
        if room.id == vm.host_id:
            verdict = judge(ask, room)
            if not verdict.fits:
                raise NoCapacity(
                    "%(host)s cannot take it now. %(why)s",
                    host=room.name,
                    why=verdict.reason % verdict.params,
                )


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
