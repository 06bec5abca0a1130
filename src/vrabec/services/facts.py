"""Facts on their way into the rows: only what changed is written, versions rise, and the pages are told.

Called by inventory, which sees them, and by workflows, which just made them true. Plain values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import F

from vrabec.lib.actor import SYSTEM
from vrabec.lib.clock import now
from vrabec.models.changes import changed
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, VmLoad, Wished
from vrabec.services.record import record


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
    if seen is not None and vm.seen != seen:
        columns |= {"seen": seen, "state_since": now()}
    if seen not in (None, Seen.RUNNING, Seen.PAUSED):
        columns |= {"is_ready": False}
    fresh = {name: value for name, value in columns.items() if getattr(vm, name) != value}
    if fresh:
        Vm.objects.filter(pk=vm_id).update(version=F("version") + 1, **fresh)
        changed("vm", vm_id)
    return bool(fresh)


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


def vm_is_gone(vm_id: int) -> None:
    """A machine was removed on its host, not by us: keep a tombstone and a line in the record."""
    vm = Vm.objects.present().filter(pk=vm_id).first()
    if vm is None or Job.objects.active().filter(vm_id=vm_id).exists():
        return
    Vm.objects.filter(pk=vm_id).update(deleted_at=now(), wished=Wished.NONE, version=F("version") + 1)
    record(SYSTEM, "vm.gone", of=vm)
    changed("vm", vm_id)


def add_foreign(host_id: int, uuid: str, columns: Mapping[str, Any]) -> int:
    """A row for a machine on a host that nobody registered: shown to administrators, left as it is."""
    vm = Vm.objects.create(host_id=host_id, uuid=uuid, is_managed=False, **columns)
    changed("vm", vm.pk)
    return vm.pk


def write_loads(loads: list[VmLoad]) -> None:
    """Write the latest load of these machines, 500 rows a statement."""
    VmLoad.objects.bulk_create(
        loads,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["vm"],
        update_fields=[field.name for field in VmLoad._meta.concrete_fields if not field.primary_key],
    )
    changed("vm", *(load.vm_id for load in loads))
