"""What to show of a machine or a job: one word, one key and a percentage, derived from row, job and host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vrabec.lib.clock import now
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.vm_rows import Stand

BOOT_PATIENCE = timedelta(minutes=5)
"""A guest that should have an agent is "starting" until it answers, or this long."""

_KEYS = {
    Seen.CRASHED: "crashed",
    Seen.UNKNOWN: "unknown",
    Seen.PENDING: "changing",
    Seen.PAUSED: "paused",
    Seen.RUNNING: "running",
    Seen.HIBERNATED: "hibernated",
    Seen.OFF: "off",
}
CHANGING = {
    "vm.create": "Creating",
    "vm.rename": "Renaming",
    "vm.resize": "Resizing",
    "vm.clone": "Copying",
    "vm.start": "Starting",
    "vm.shutdown": "Shutting down",
    "vm.power_off": "Powering off",
    "vm.reboot": "Restarting",
    "vm.reset": "Resetting",
    "vm.hibernate": "Hibernating",
    "vm.send_keys": "Pressing keys",
    "vm.pause": "Pausing",
    "vm.resume": "Resuming",
    "vm.migrate": "Moving",
    "vm.delete": "Deleting",
}
TITLES = {
    "vm.create": "Create %(name)s",
    "vm.rename": "Rename %(name)s",
    "vm.resize": "Resize %(name)s",
    "vm.clone": "Make the copy %(name)s",
    "vm.start": "Start %(name)s",
    "vm.shutdown": "Shut down %(name)s",
    "vm.power_off": "Power off %(name)s",
    "vm.reboot": "Restart %(name)s",
    "vm.reset": "Reset %(name)s",
    "vm.hibernate": "Hibernate %(name)s",
    "vm.send_keys": "Press keys on %(name)s",
    "vm.autostart_off": "Keep the host from starting %(name)s by itself",
    "vm.pause": "Pause %(name)s",
    "vm.resume": "Resume %(name)s",
    "vm.migrate": "Move %(name)s to another host",
    "vm.delete": "Delete %(name)s",
    "template.build": "Build template %(name)s",
    "cluster.balance": "Balance cluster %(name)s",
    "host.look": "Look at %(name)s before it is added",
    "host.probe": "Look at host %(name)s",
    "host.maintain": "Empty host %(name)s",
    "host.resume": "Fill host %(name)s again",
}


@dataclass(frozen=True)
class Shown:
    """A state as shown: `key` picks the shape, `label` is the word (a message id)."""

    key: str
    label: str
    percent: int | None
    since: datetime


def shown_vm(vm: Any, job: Job | None, host: Host | Stand | None) -> Shown:
    """The state to show of `vm`, a row or what was asked of one, with its active job and its host, if any."""
    if job is not None:
        label = "Undoing" if job.state == JobState.UNDOING else CHANGING.get(job.kind, "Changing")
        return Shown("changing", label, job.percent, job.created_at)
    if host is not None and host.state == HostState.UNREACHABLE:
        return Shown("unknown", "Unknown", None, host.state_since)
    if is_booting(vm):
        return Shown("changing", "Starting", None, vm.state_since)
    return Shown(_KEYS[Seen(vm.seen)], Seen(vm.seen).label, None, vm.state_since)


def shown_host(state: str, *, in_maintenance: bool) -> tuple[str, str]:
    """The key and the word (a message id) of a host's state."""
    if in_maintenance:
        silent = state == HostState.UNREACHABLE
        return "maintenance", "Maintenance, does not answer" if silent else "Maintenance"
    return state, HostState(state).label


def starts_with_host(vm: Vm) -> bool:
    """Whether it runs again once its host does: ours as wished, others as libvirt was told on their host."""
    return vm.wished == Wished.ON if vm.is_managed else vm.autostart


def is_booting(vm: Any) -> bool:
    """It runs, has an agent, and the agent has not answered yet, though it still may."""
    waits = vm.seen == Seen.RUNNING and vm.has_agent and vm.is_managed and not vm.is_ready
    return waits and now() - vm.state_since < BOOT_PATIENCE


def job_title(job: Job) -> str:
    """What the job does, in words."""
    return TITLES.get(job.kind, "%(name)s") % {"name": job.subject_name}
