"""Leases by the clock: at its end a machine is shut down, and after the days of grace what its project says.

The grace counts from when it was switched off here, not from the end: a controller that was off for a week
gives people their days all the same. What cannot be done now is tried again, a failed job after an hour.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q

from vrabec.lib.actor import SYSTEM
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, WrongState
from vrabec.models.changes import changed
from vrabec.models.jobs import Job
from vrabec.models.projects import Then
from vrabec.models.vms import Seen, Vm, VmQuerySet
from vrabec.services.lease_mail import write_ended
from vrabec.services.leases import rules_of
from vrabec.services.record import record
from vrabec.services.verbs import host_answers, queue_verb, require_verb
from vrabec.services.vms import SHUTDOWN_SECONDS

AGAIN = timedelta(hours=1)
"""After a job of ours that did not help."""
_ON = (Seen.RUNNING, Seen.PAUSED)
_AT_REST = (Seen.OFF, Seen.HIBERNATED, Seen.CRASHED)


def end_leases() -> int:
    """Do what is due for each machine whose lease has ended; how many of them something was done to."""
    ended = sum(_end(vm) for vm in _over().filter(Q(lease_ended_at=None) | Q(seen__in=_ON)))
    waiting = _over().filter(lease_ended_at__isnull=False, seen__in=_AT_REST)
    return ended + sum(_remove(vm) for vm in waiting.filter(project__lease_then=Then.DELETE))


def _over() -> VmQuerySet:
    rows = Vm.objects.present().filter(is_managed=True, lease_ends_at__lte=now())
    return rows.filter(seen__in=(*_ON, *_AT_REST)).select_related("host", "project", "owner", "owner_group")


def _end(vm: Vm) -> bool:
    """Switch one off, or note that it is off."""
    if not host_answers(vm) or (vm.seen in _ON and _was_tried(vm, "vm.shutdown", "vm.power_off")):
        return False
    try:
        with transaction.atomic():
            if not _is_still_so(vm, lease_ended_at=vm.lease_ended_at or now()):
                return False
            job = _switch_off(vm) if vm.seen in _ON else None
            if vm.lease_ended_at is None:
                record(SYSTEM, "vm.lease_end", of=vm, job=job)
                write_ended(vm)
            changed("vm", vm.pk)
    except (Conflict, WrongState):
        return False  # another job works on it: in a minute
    return True


def _switch_off(vm: Vm) -> Job:
    """Its guest is asked first; one that is paused hears nothing. Raises Conflict, WrongState."""
    if vm.seen == Seen.PAUSED:
        require_verb(SYSTEM, vm, "power_off")
        return queue_verb(SYSTEM, "power_off", vm)
    require_verb(SYSTEM, vm, "shutdown")
    return queue_verb(SYSTEM, "shutdown", vm, deadline_seconds=SHUTDOWN_SECONDS, then_power_off=True)


def _remove(vm: Vm) -> bool:
    """Delete one whose days of grace are over."""
    rules = rules_of(vm.project)
    if rules is None or vm.lease_ended_at is None or _was_tried(vm, "vm.delete"):
        return False
    if now() < vm.lease_ended_at + timedelta(days=rules.grace_days):
        return False
    try:
        with transaction.atomic():
            if not _is_still_so(vm):
                return False
            require_verb(SYSTEM, vm, "delete")
            job = queue_verb(SYSTEM, "delete", vm)
            record(SYSTEM, "vm.lease_grace_end", of=vm, job=job)
    except (Conflict, WrongState):
        return False
    return True


def _is_still_so(vm: Vm, **columns: object) -> bool:
    """Write to the row if nobody extended the lease since it was read: whoever does waits for us."""
    same = Vm.objects.filter(pk=vm.pk, lease_ends_at=vm.lease_ends_at, lease_ended_at=vm.lease_ended_at)
    return bool(same.update(version=F("version") + 1, **columns))


def _was_tried(vm: Vm, *kinds: str) -> bool:
    jobs = Job.objects.filter(vm=vm, kind__in=kinds, created_by=None, created_by_name=SYSTEM.name)
    return jobs.filter(created_at__gt=now() - AGAIN).exists()
