"""Facts on their way into the rows: only what changed is written, versions rise, and the pages are told.

Called by inventory, which sees them, and by workflows, which just made them true. Plain values only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from vrabec.lib.clock import now
from vrabec.models import bulk
from vrabec.models.bulk import marks
from vrabec.models.changes import changed
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, VmLoad, Wished
from vrabec.services.whereabouts import come_back

_KNOWN = """
    SELECT vm.id, vm.host_id, vm.uuid, vm.is_managed, vm.name, vm.domain_name, vm.seen, vm.is_ready, vm.cpus,
        vm.memory_mib, vm.next_cpus, vm.next_memory_mib, vm.autostart, vm.state_since, xml.digest
    FROM vrabec_vm AS vm LEFT JOIN vrabec_vmxml AS xml ON xml.vm_id = vm.id
    WHERE vm.deleted_at IS NULL AND vm.host_id IN (%(hosts)s) AND vm.uuid IN (%(uuids)s)
"""

_OF_HOST = """
    SELECT vm.uuid, vm.id, vm.seen, xml.digest, xml.agent_connected
    FROM vrabec_vm AS vm LEFT JOIN vrabec_vmxml AS xml ON xml.vm_id = vm.id
    WHERE vm.deleted_at IS NULL AND vm.host_id = %s
"""


class Known(NamedTuple):
    """Of a machine's row what a look at it is compared with; `said` is the digest of what its host said."""

    pk: int
    host_id: int
    uuid: str
    is_managed: bool
    name: str
    domain_name: str
    seen: int
    is_ready: bool
    cpus: int
    memory_mib: int
    next_cpus: int | None
    next_memory_mib: int | None
    autostart: bool
    state_since: datetime
    said: str | None


class Load(NamedTuple):
    """What a machine used lately; as VmLoad has it."""

    vm_id: int
    seen_at: datetime
    cpu_percent: float = 0
    memory_used_mib: int = 0
    disk_size_mib: int = 0
    disk_used_mib: int = 0
    disk_read_bytes_s: float = 0
    disk_written_bytes_s: float = 0
    net_received_bytes_s: float = 0
    net_sent_bytes_s: float = 0


def known_vms(hosts: Collection[int], uuids: Collection[str]) -> dict[tuple[int, str], Known]:
    """What is known of those machines that these hosts have, by host and UUID.

    In SQL, as events ask it all the time: composing it took Django twice as long as all the rest of an event.
    """
    if not uuids:
        return {}
    native = connection.features.has_native_uuid_field
    wanted: list[Any] = [*hosts, *(uuid if native else UUID(uuid).hex for uuid in uuids)]
    text = _KNOWN % {"hosts": marks(hosts), "uuids": marks(uuids)}
    with connection.cursor() as cursor:
        cursor.execute(text, wanted)
        rows = [Known._make(row) for row in cursor]
    return {(row.host_id, row.uuid): row for row in map(_read, rows)}


def all_of_host(host_id: int) -> list[tuple[str, int, int, str | None, bool | None]]:
    """Of each machine of a host: UUID, our id, state, and the digest and agent of what was said last."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_HOST, [host_id])
        return [(_uuid(row[0]), *row[1:]) for row in cursor]


def _read(row: Known) -> Known:
    """SQLite keeps times without their zone, in UTC."""
    since = row.state_since if row.state_since.tzinfo else row.state_since.replace(tzinfo=UTC)
    return row._replace(uuid=_uuid(row.uuid), state_since=since)


def _uuid(stored: UUID | str) -> str:
    """SQLite keeps UUIDs as hexadecimal digits; class UUID takes five times as long to tell them."""
    if isinstance(stored, UUID):
        return str(stored)
    return "-".join((stored[:8], stored[8:12], stored[12:16], stored[16:20], stored[20:]))


def write_host(host_id: int, state: HostState | None = None, **columns: Any) -> bool:
    """Write what differs of a host; a changed `state` sets its time. Returns whether anything differed."""
    host = Host.objects.filter(pk=host_id).first()
    if host is None:
        return False
    if state is not None and host.state != state:
        columns |= {"state": state, "state_since": now()}
    fresh = {name: value for name, value in columns.items() if getattr(host, name) != value}
    if fresh:
        Host.objects.filter(pk=host_id).update(version=F("version") + 1, **fresh)
        changed("host", host_id)
        if "state" in fresh:
            changed("vm", *Vm.objects.present().filter(host_id=host_id).values_list("pk", flat=True))
    return bool(fresh)


def write_vm(vm_id: int, seen: Seen | None = None, **columns: Any) -> bool:
    """Write what differs of a machine; a changed `seen` sets its time, and one that is off is not ready.

    Returns whether anything differed.
    """
    vm = Vm.objects.filter(pk=vm_id, deleted_at=None).first()
    if vm is None:
        return False
    fresh = differing(vm, seen, **columns)
    write_vms({vm_id: fresh} if fresh else {})
    return bool(fresh)


def differing(vm: Vm | Known, seen: Seen | None = None, **columns: Any) -> dict[str, Any]:
    """What `write_vm` would write, of a row, or of these columns of it, that were read already."""
    if seen not in (None, Seen.RUNNING, Seen.PAUSED):
        columns |= {"is_ready": False}
    fresh = {name: value for name, value in columns.items() if getattr(vm, name) != value}
    if seen is not None and vm.seen != seen:
        fresh |= {"seen": seen, "state_since": now()}
    return fresh


def write_vms(fresh: Mapping[int, Mapping[str, Any]]) -> None:
    """Write these columns of these machines, which differ: one statement for all that have the same ones."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for vm_id, columns in fresh.items():
        alike.setdefault(tuple(columns), []).append(vm_id)
    for names, ids in alike.items():
        bulk.update(Vm, names, {vm_id: fresh[vm_id] for vm_id in ids})
    changed("vm", *fresh)


def vm_restarted(vm_id: int) -> None:
    """The guest began anew without a stop: it is starting until it answers again."""
    write_vm(vm_id, state_since=now(), is_ready=False)


def sizes(runs: tuple[int, int], defined: tuple[int, int]) -> dict[str, Any]:
    """The columns of CPUs and memory (MiB): what runs, and what the next start gives where that differs."""
    return {
        "cpus": runs[0],
        "memory_mib": runs[1],
        "next_cpus": defined[0] if defined[0] != runs[0] else None,
        "next_memory_mib": defined[1] if defined[1] != runs[1] else None,
    }


def wish_off(vm_id: int) -> None:
    """Somebody stopped the machine, from inside or on its host: that is a wish. A job's own doing is not."""
    if not Job.objects.active().filter(vm_id=vm_id).exists():
        Vm.objects.filter(pk=vm_id, wished=Wished.ON).update(wished=Wished.OFF)


def vm_moved(vm_id: int, host_id: int, *, is_ready: bool) -> None:
    """A job has moved the machine to this host. A row that was made for it there meanwhile goes."""
    vm = Vm.objects.get(pk=vm_id)
    with transaction.atomic():
        stray = Vm.objects.present().filter(host_id=host_id, uuid=vm.uuid, is_managed=False).exclude(pk=vm_id)
        changed("vm", *stray.values_list("pk", flat=True))
        stray.update(deleted_at=now())
        write_vm(vm_id, host_id=host_id, is_ready=is_ready)


def on_the_move(host_id: int, uuids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Those of `uuids` that active jobs move from or to this host: our id, and the host they move to."""
    jobs = Job.objects.active().filter(Q(host_id=host_id) | Q(args__target=host_id), kind="vm.migrate")
    rows = jobs.values_list("vm__uuid", "vm_id", "args")
    return {str(uuid): (vm_id or 0, args["target"]) for uuid, vm_id, args in rows if str(uuid) in uuids}


def add_foreign(host_id: int, found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Rows for machines on a host that nobody registered: shown to administrators, left as they are.

    `found` has the columns by libvirt's UUID; gives our ids by it. A machine that was lost has a row already.
    """
    known = come_back(host_id, found)
    fresh = {uuid: columns for uuid, columns in found.items() if uuid not in known}
    template = Vm(host_id=host_id, is_managed=False)
    with transaction.atomic():
        ids = bulk.insert(template, [{"uuid": UUID(uuid), **columns} for uuid, columns in fresh.items()])
    changed("vm", *ids)
    return known | dict(zip(fresh, ids, strict=True))


def write_loads(loads: list[Load]) -> None:
    """Write the latest load of these machines."""
    bulk.upsert(VmLoad(), [load._asdict() for load in loads])
    changed("vm", *(load.vm_id for load in loads))
