"""Leases: until when a machine may run, who chooses that, and who may have it longer.

A lease ends at noon in UTC: the same day wherever people read it, and somebody is there who notices.
What is done at its end: lease_clock.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, Invalid, WrongState
from vrabec.models.changes import changed
from vrabec.models.jobs import Job
from vrabec.models.projects import Project, Then
from vrabec.models.vms import Vm
from vrabec.services.permissions import Rights, may, require, rights
from vrabec.services.queue import in_the_way
from vrabec.services.record import record
from vrabec.services.verbs import NOT_OURS

MOST_DAYS = 3650
USUAL_GRACE_DAYS = 14
DAYS_BEFORE = (1, 3, 14)
"""So many days before the end people are told."""
NOON = time(12, tzinfo=UTC)
NO_LEASE = "%(name)s has no lease to extend: an owner of its project gives it an end."
NOT_ENDLESS = "Only an owner of the project may let it run without an end."
TOO_FAR = "At most %(most)s days from today, until %(last)s; for longer ask an owner of the project."
SOONER = "Its lease ends later already, on %(day)s."


@dataclass(frozen=True)
class LeaseRules:
    """The leases of a project, in days: of a new machine, and at most (None: any).

    `grace_days` after the end comes what `then` says, one of Then.
    """

    days: int
    most_days: int | None = None
    grace_days: int = USUAL_GRACE_DAYS
    then: str = Then.ARCHIVE.value


@dataclass(frozen=True)
class LeaseWish:
    """Until when a machine is to run: one of days from today, the last day, or without an end."""

    days: int | None = None
    until: date | None = None
    has_no_end: bool = False


@dataclass(frozen=True)
class Reach:
    """What somebody may choose: the last day, None for any; `goes_beyond` the project's limit, or no end."""

    last: date | None
    goes_beyond: bool = False


def rules_of(project: Project | None) -> LeaseRules | None:
    """The leases of a project; None where machines have none."""
    if project is None or project.lease_days is None:
        return None
    grace = USUAL_GRACE_DAYS if project.lease_grace_days is None else project.lease_grace_days
    return LeaseRules(
        project.lease_days, project.lease_most_days, grace, project.lease_then or Then.ARCHIVE.value
    )


def set_rules(
    actor: Actor, *, project: Project, rules: LeaseRules | None, also_present: bool = False
) -> Project:
    """Write the leases of a project; None takes them away, and the ends of its machines with them.

    Machines that are there keep the end that they have; `also_present`: those without one get the usual one,
    from today. Raises Invalid naming the field, Forbidden.
    """
    require(actor, "project.lease", project)
    _check_rules(rules)
    before = rules_of(project)
    for name, column in _COLUMNS.items():
        setattr(project, column, getattr(rules, name) if rules else _NOTHING.get(name))
    with transaction.atomic():
        project.save(update_fields=list(_COLUMNS.values()))
        touched = _change_present(project, rules, also_present=also_present)
        told = [asdict(one) if one else None for one in (before, rules)]
        record(actor, "project.lease", of=project, before=told[0], after=told[1], machines=touched)
    return project


_COLUMNS = {
    "days": "lease_days",
    "most_days": "lease_most_days",
    "grace_days": "lease_grace_days",
    "then": "lease_then",
}
_NOTHING = {"then": ""}


def _change_present(project: Project, rules: LeaseRules | None, *, also_present: bool) -> int:
    """What new rules mean for machines that are there: how many have another end now."""
    vms = Vm.objects.present().filter(project=project, is_managed=True)
    if rules is None:
        touched, end = vms.filter(lease_ends_at__isnull=False), None
    elif also_present:
        touched, end = vms.filter(lease_ends_at=None), end_on(day_in(rules.days))
    else:
        return 0
    ids = list(touched.values_list("pk", flat=True))
    touched.update(lease_ends_at=end, lease_ended_at=None, lease_told_days=None, version=F("version") + 1)
    changed("vm", *ids)
    return len(ids)


def _check_rules(rules: LeaseRules | None) -> None:
    """Raises Invalid."""
    if rules is None:
        return
    for field in ("days", "most_days", "grace_days"):
        value = getattr(rules, field)
        if value is not None and not 1 <= value <= MOST_DAYS:
            raise Invalid("Choose from 1 to %(most)s days.", field=field, most=MOST_DAYS)
    if rules.most_days is not None and rules.most_days < rules.days:
        raise Invalid(
            "The most days are at least those of a new machine: %(days)s.", field="most_days", days=rules.days
        )
    if rules.then not in Then.values:
        raise Invalid("Choose one of: %(known)s.", field="then", known=", ".join(Then.values))


def day_in(days: int) -> date:
    """The day so many days from today, in UTC."""
    return now().date() + timedelta(days=days)


def end_on(day: date) -> datetime:
    """When a lease ends whose last day this is."""
    return datetime.combine(day, NOON)


def told_for(end: datetime | None) -> int | None:
    """Which of DAYS_BEFORE have passed for a lease that ends then: who has just chosen the day knows it."""
    left = end - now() if end else timedelta.max
    return next((days for days in DAYS_BEFORE if left <= timedelta(days=days)), None)


def begin_lease(vm: Vm, end: datetime | None) -> None:
    """Give a machine, not saved yet, its first end."""
    vm.lease_ends_at, vm.lease_told_days = end, told_for(end)


def reach(actor: Actor, project: Project | None) -> Reach:
    """What the actor may choose for a machine of the project."""
    return Reach(_last_of(project), project is not None and may(actor, "project.lease", project))


def reach_by(found: Rights, project: Project | None) -> Reach:
    """As `reach`, by rights that were asked of a machine of the project: no query."""
    return Reach(_last_of(project), project is not None and found.may("project.lease", project))


def _last_of(project: Project | None) -> date | None:
    rules = rules_of(project)
    return day_in(rules.most_days) if rules and rules.most_days is not None else None


def first_end(actor: Actor, project: Project, days: int | None) -> datetime | None:
    """When the lease of a new machine ends; `days` as its maker wishes, None for as long as is usual.

    Raises Invalid naming `lease_days`.
    """
    rules = rules_of(project)
    if rules is None:
        if days is not None:
            raise Invalid("Machines of %(project)s have no lease.", field="lease_days", project=project.name)
        return None
    if days is None:
        return end_on(day_in(rules.days))
    day = _day(LeaseWish(days=days), "lease_days")
    _check_reach(reach(actor, project), day, "lease_days")
    return end_on(day)


def extend_vm(actor: Actor, *, vm: Vm, wish: LeaseWish) -> Vm:
    """Let the lease of a machine end on another day, counted from today; gives the new row.

    Beyond the project's limit, or without an end, for who has `project.lease`. An earlier end is for who may
    delete the machine. Raises Invalid, WrongState for a machine without a lease, Conflict while it is being
    deleted, Forbidden.
    """
    require(actor, "vm.extend", vm)
    end = wished_end(rights(actor, [vm]), vm, wish)
    with transaction.atomic():
        write_end(actor, vm, end)
    return vm


def write_end(actor: Actor, vm: Vm, end: datetime | None) -> None:
    """Give a machine another end, within a transaction. Raises Conflict while it is being deleted."""
    row = Vm.objects.select_for_update().get(pk=vm.pk)
    if job := Job.objects.active().filter(vm=vm, kind="vm.delete").first():
        raise in_the_way(vm.name, job)
    fresh = {"lease_ends_at": end, "lease_ended_at": None, "lease_told_days": told_for(end)}
    Vm.objects.filter(pk=vm.pk).update(version=F("version") + 1, **fresh)
    record(actor, "vm.extend", of=vm, before=_said(row.lease_ends_at), after=_said(end))
    changed("vm", vm.pk)
    vm.lease_ends_at, vm.lease_ended_at = end, None


def wished_end(found: Rights, vm: Vm, wish: LeaseWish) -> datetime | None:
    """The end that is wished, if it may be: no query. Raises Invalid, WrongState, Forbidden."""
    within = require_lease(found, vm)
    if wish.has_no_end:
        if not within.goes_beyond:
            raise Forbidden(NOT_ENDLESS, action="vm.extend")
        return None
    day = day_of(wish)
    _check_reach(within, day, _field_of(wish))
    _check_shorter(found, vm, day, _field_of(wish))
    return end_on(day)


def require_lease(found: Rights, vm: Vm) -> Reach:
    """What may be chosen for a machine that has a lease, or that may be given one. Raises WrongState."""
    if not vm.is_managed:
        raise WrongState(NOT_OURS, name=vm.name)
    within = reach_by(found, vm.project)
    if not within.goes_beyond and (vm.lease_ends_at is None or rules_of(vm.project) is None):
        raise WrongState(NO_LEASE, name=vm.name)
    return within


def day_of(wish: LeaseWish) -> date:
    """The last day that is wished. Raises Invalid."""
    return _day(wish, _field_of(wish))


def end_of(wish: LeaseWish) -> datetime | None:
    """When a lease ends that was given this wish. Raises Invalid."""
    return None if wish.has_no_end else end_on(day_of(wish))


def _field_of(wish: LeaseWish) -> str:
    return "days" if wish.until is None else "until"


def _day(wish: LeaseWish, field: str) -> date:
    """The last day that is wished. Raises Invalid."""
    if wish.days is None and wish.until is None:
        raise Invalid("Say for how many days, or until which day.", field="days")
    days = wish.days if wish.until is None else (wish.until - now().date()).days
    if days is None or not 1 <= days <= MOST_DAYS:
        raise Invalid("Choose from 1 to %(most)s days, counted from today.", field=field, most=MOST_DAYS)
    return day_in(days)


def _check_reach(within: Reach, day: date, field: str) -> None:
    if within.last and day > within.last and not within.goes_beyond:
        most = (within.last - now().date()).days
        raise Invalid(
            TOO_FAR,
            field=field,
            most=most,
            last=shown_day(within.last),
            near=str(most) if field != "until" else within.last.isoformat(),
        )


def _check_shorter(found: Rights, vm: Vm, day: date, field: str) -> None:
    """Who may not delete it does not let it end sooner either."""
    now_ends = vm.lease_ends_at.date() if vm.lease_ends_at else None
    if now_ends and day < now_ends and not found.may("vm.delete", vm):
        raise Invalid(SOONER, field=field, day=shown_day(now_ends))


def shown_day(day: date) -> str:
    """12 Feb 2027."""
    return f"{day.day} {day:%b %Y}"


def _said(end: datetime | None) -> str:
    return end.date().isoformat() if end else "never"
