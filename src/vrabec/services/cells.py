"""Cells: what the pages show of rows that change, the same for every viewer, as plain data for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vrabec.lib.units import show_copy
from vrabec.models.hosts import Host
from vrabec.models.jobs import ACTIVE, Job, JobState
from vrabec.models.vms import Seen, Vm, VmLoad
from vrabec.services.jobs import can_cancel
from vrabec.services.states import job_title, shown_host, shown_vm

Cell = dict[str, Any]


def active_jobs(vm_ids: Iterable[int]) -> dict[int, Job]:
    """The active job of each machine that has one: one query, none for no machines."""
    ids = list(vm_ids)
    jobs = Job.objects.active().filter(vm_id__in=ids) if ids else ()
    return {job.vm_id: job for job in jobs if job.vm_id}


def vm_cells(vm_ids: Iterable[int]) -> list[tuple[Vm, Cell]]:
    """(row, cell) of each machine, with its host: two queries."""
    ids = list(vm_ids)
    jobs = active_jobs(ids)
    rows = Vm.objects.filter(pk__in=ids).select_related("host", "load")
    return [(vm, vm_cell(vm, jobs.get(vm.pk))) for vm in rows]


def vm_cell(vm: Vm, job: Job | None) -> Cell:
    """One machine's cell; sizes in MiB, times in UTC; `rates` are VmLoad's, measured until `at` (Unix)."""
    shown = shown_vm(vm, job, vm.host)
    load: VmLoad | None = getattr(vm, "load", None)
    return {
        "id": vm.pk,
        "v": vm.version,
        "state": shown.key,
        "label": shown.label,
        "percent": shown.percent,
        "since": shown.since.isoformat(),
        "ready": vm.is_ready,
        "address": vm.address,
        "cpu": round(load.cpu_percent, 1) if load else None,
        "memory_used": load.memory_used_mib if load else None,
        "memory": vm.memory_mib,
        "disk_used": load.disk_used_mib if load else None,
        "rates": load.rates if load and vm.seen == Seen.RUNNING else None,
        "at": int(load.seen_at.timestamp()) if load else None,
        "disk": vm.disk_mib,
        "screen": vm.screen_at.isoformat() if vm.screen_at else None,
        "gone": vm.deleted_at is not None,
    }


def job_cells(job_ids: Iterable[int]) -> list[tuple[Job, Cell]]:
    """(job, cell) of each job: one query."""
    rows = Job.objects.filter(pk__in=list(job_ids)).select_related("vm__host")
    return [(job, job_cell(job)) for job in rows]


def job_cell(job: Job) -> Cell:
    """One job's cell. `step` counts from 1; 0 before the first."""
    step = job.ended if job.state == JobState.UNDOING else job.begun
    return {
        "id": job.pk,
        "v": job.generation,
        "kind": job.kind,
        "state": job.state,
        "title": job_title(job),
        "percent": job.percent,
        "told": show_copy(job.args.get("told", {})),
        "step": step,
        "steps": len(job.plan),
        "step_title": job.steps[step - 1]["title"] if step else "",
        "vm": job.vm_id,
        "by": job.created_by_name,
        "created": job.created_at.isoformat(),
        "error": job.error_message,
        "raw": job.error_raw,
        "can_cancel": can_cancel(job),
        "active": job.state in ACTIVE,
        "dismissed": job.dismissed_at is not None,
    }


def host_cells(host_ids: Iterable[int]) -> list[Cell]:
    """Each host's cell: one query."""
    return [_host_cell(host) for host in Host.objects.filter(pk__in=list(host_ids))]


def _host_cell(host: Host) -> Cell:
    key, label = shown_host(host.state, in_maintenance=host.maintenance_since is not None)
    return {"id": host.pk, "v": host.version, "state": key, "label": label}
