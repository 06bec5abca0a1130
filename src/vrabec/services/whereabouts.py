"""Which row is which machine, when one leaves its host or comes to another without us: its UUID says so.

A row follows its machine, for grants, history and the record hang on it. What only a person can decide, as
which of two copies is the right one, is said and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import SYSTEM
from vrabec.lib.clock import now
from vrabec.models.changes import changed
from vrabec.models.hosts import HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.models.xml import VmXml
from vrabec.services.record import record

ON = (Seen.RUNNING, Seen.PAUSED)
_FOLLOWED = (
    *("host_id", "domain_name", "seen", "cpus", "memory_mib", "next_cpus", "next_memory_mib"),
    *("network", "mac", "address", "autostart", "has_agent", "is_ready"),
)


def left(vm_id: int) -> Vm | None:
    """Its host has a machine no more, and no job of ours took it: it is on another host, or lost.

    Gives the row where it followed. One that is lost keeps a tombstone, and comes back when a host has it.
    """
    vm = Vm.objects.present().filter(pk=vm_id).select_related("host").first()
    if vm is None or Job.objects.active().filter(vm_id=vm_id).exists():
        return None
    with transaction.atomic():
        for other in twins_of([vm])[vm.pk]:
            if not (other.is_managed or other.project_id or Job.objects.active().filter(vm=other).exists()):
                return _follow(vm, other)
        lost = {"deleted_at": now(), "is_lost": True, "wished": Wished.NONE}
        Vm.objects.filter(pk=vm_id).update(version=F("version") + 1, **lost)
        record(SYSTEM, "vm.gone", of=vm)
        changed("vm", vm_id)
    return None


def _follow(vm: Vm, other: Vm) -> Vm:
    """`other` was found where `vm` is now: its row goes, and what it says is `vm`'s."""
    Vm.objects.filter(pk=other.pk).update(deleted_at=now(), version=F("version") + 1)
    VmXml.objects.filter(vm=vm).delete()
    VmXml.objects.filter(vm=other).update(vm=vm)
    before, to = (row.host.name if row.host else "" for row in (vm, other))
    _write(vm, other.name, {name: getattr(other, name) for name in _FOLLOWED})
    record(SYSTEM, "vm.follow", of=vm, before=before, to=to)
    changed("vm", vm.pk, other.pk)
    return vm


def come_back(host_id: int, found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Those of the machines which a host has now that were lost: our ids by UUID. `found` has the columns."""
    lost = Vm.objects.filter(uuid__in=found, is_lost=True).exclude(deleted_at=None).order_by("deleted_at")
    latest = {str(vm.uuid): vm for vm in lost}
    back = {uuid: vm for uuid, vm in latest.items() if not _is_name_taken(vm)}
    for uuid, vm in back.items():
        columns = {name: value for name, value in found[uuid].items() if name != "name"}
        again = {"host_id": host_id, "deleted_at": None, "is_lost": False, "is_ready": False}
        with transaction.atomic():
            _write(vm, found[uuid]["name"], columns | again)
            record(SYSTEM, "vm.back", of=vm)
            changed("vm", vm.pk)
    return {uuid: vm.pk for uuid, vm in back.items()}


def _write(vm: Vm, name: str, columns: dict[str, Any]) -> None:
    """A machine of ours keeps its name, and what it is wished to be is what it was found to be."""
    if vm.is_managed:
        columns["wished"] = Wished.ON if columns["seen"] in ON else Wished.OFF
    else:
        columns["name"] = name
    columns["state_since"] = now()
    Vm.objects.filter(pk=vm.pk).update(version=F("version") + 1, **columns)
    for column, value in columns.items():
        setattr(vm, column, value)


def _is_name_taken(vm: Vm) -> bool:
    same = Vm.objects.present().filter(project=vm.project_id, name=vm.name, is_managed=True)
    return vm.is_managed and same.exists()


def twins_of(vms: Iterable[Vm]) -> dict[int, list[Vm]]:
    """For each of these machines the others with its UUID, on other hosts: one query."""
    asked = list(vms)
    known = Vm.objects.present().filter(uuid__in={vm.uuid for vm in asked}).select_related("host")
    rows = list(known.order_by("pk"))
    return {vm.pk: [row for row in rows if row.uuid == vm.uuid and row.pk != vm.pk] for vm in asked}


def running_twins(vms: Iterable[Vm]) -> set[int]:
    """Those of these machines, by id, that run on another host at this time, as far as its host says."""
    return {vm_id for vm_id, twins in twins_of(vms).items() if any(_runs(twin) for twin in twins)}


def _runs(vm: Vm) -> bool:
    return vm.seen in ON and vm.host is not None and vm.host.state == HostState.ONLINE
