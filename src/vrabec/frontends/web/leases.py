"""Leases on pages: how long a machine still has, the form that extends it, and that of a project's leases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, Invalid, VrabecError, WrongState
from vrabec.models.projects import Project, Then
from vrabec.models.vms import Vm
from vrabec.services.leases import (
    USUAL_GRACE_DAYS,
    LeaseRules,
    LeaseWish,
    Reach,
    day_in,
    extend_vm,
    reach,
    rules_of,
    set_rules,
)
from vrabec.services.permissions import Rights, require
from vrabec.services.projects import get_project
from vrabec.services.vms import get_vm

NEAR_DAYS = 7
"""From so many days before the end on it is shown as a warning."""
NO_YEAR_DAYS = 300
"""So near a day needs no year."""
MAX_TYPED = 100
NO_END = "no_end"
_DAYS = ("days", "most_days", "grace_days")


@dataclass(frozen=True)
class Lease:
    """How long a machine still has, in words, and `short`, for a column of them.

    `deleted_on`: the day after the days of grace, if so.
    """

    text: str
    short: str
    is_near: bool = False
    is_over: bool = False
    deleted_on: str = ""


def lease_of(ends_at: datetime | None) -> Lease | None:
    """The lease that ends then; None where there is none."""
    if ends_at is None:
        return None
    left = (ends_at.date() - now().date()).days
    if ends_at <= now():
        text = gettext("Ended on %(day)s") % {"day": show.day(ends_at)}
        short = gettext("ended %(day)s") % {"day": show.day(ends_at, with_year=left < -NO_YEAR_DAYS)}
        return Lease(text, short, is_near=True, is_over=True)
    return Lease(_left(left, ends_at), _short(left, ends_at), is_near=left <= NEAR_DAYS)


def _left(days: int, ends_at: datetime) -> str:
    if days == 0:
        return gettext("Ends today")
    if days == 1:
        return gettext("Ends tomorrow")
    if days <= NEAR_DAYS:
        words = {"n": days, "day": show.day(ends_at, with_year=False)}
        return gettext("Ends in %(n)s days, %(day)s") % words
    return gettext("Until %(day)s, %(n)s days") % {"n": show.number(days), "day": show.day(ends_at)}


def _short(days: int, ends_at: datetime) -> str:
    if days <= 1:
        return gettext("tomorrow") if days else gettext("today")
    if days <= NEAR_DAYS:
        return gettext("in %(n)s days") % {"n": days}
    return show.day(ends_at, with_year=days > NO_YEAR_DAYS)


def lease_on(vm: Vm) -> Lease | None:
    """The machine's lease, and when it is deleted if it has ended."""
    found, rules = lease_of(vm.lease_ends_at), rules_of(vm.project)
    if not (found and found.is_over and vm.lease_ended_at and rules and rules.then == Then.DELETE):
        return found
    last = vm.lease_ended_at + timedelta(days=rules.grace_days)
    return replace(found, deleted_on=show.day(last))


def may_extend(found: Rights, vm: Vm) -> bool:
    """Whether the button is shown: where there is a lease, or somebody who may begin one."""
    has_one = vm.lease_ends_at is not None and rules_of(vm.project) is not None
    begins = found.may("project.lease", vm) and (has_one or rules_of(vm.project) is not None)
    return vm.is_managed and found.may("vm.extend", vm) and (has_one or begins)


@page("vm.extend", methods=("GET", "POST"))
def extend(request: PageRequest, vm_id: int) -> HttpResponse:
    """Until when it may run."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.extend", vm)
    within = reach(request.actor, vm.project)
    if request.method == "GET":
        return _extend_form(request, vm, within, {"until": offered(vm, within).isoformat(), NO_END: ""})
    typed = {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in ("until", NO_END)}
    try:
        extend_vm(request.actor, vm=vm, wish=wish_of(typed))
    except (Invalid, WrongState, Forbidden) as error:
        return _extend_form(request, vm, within, typed, error)
    said = (
        gettext("%(name)s may run until %(day)s.")
        if vm.lease_ends_at
        else gettext("%(name)s has no end now.")
    )
    messages.success(request, said % {"name": vm.name, "day": show.day(vm.lease_ends_at)})
    return see_other(request, _back(request, vm))


def _back(request: PageRequest, vm: Vm) -> str:
    """Where the form was opened: one's own machines, or the machine's page."""
    is_mine = "mine" in (request.GET.get("back"), request.POST.get("back"))
    return reverse("mine") if is_mine else reverse("vm", args=[vm.pk])


def wish_of(typed: Mapping[str, str]) -> LeaseWish:
    """What was typed as `until` and `no_end`. Raises Invalid."""
    if typed[NO_END]:
        return LeaseWish(has_no_end=True)
    try:
        return LeaseWish(until=date.fromisoformat(typed["until"]))
    except ValueError as error:
        raise Invalid("Write a day such as 2027-02-12.", field="until") from error


def offered(vm: Vm, within: Reach) -> date:
    """What the form begins with: the usual lease from today, and not less than there is."""
    rules = rules_of(vm.project)
    wanted = day_in(rules.days) if rules else day_in(1)
    wanted = max(wanted, vm.lease_ends_at.date()) if vm.lease_ends_at else wanted
    return min(wanted, within.last) if within.last and not within.goes_beyond else wanted


def _extend_form(
    request: PageRequest, vm: Vm, within: Reach, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "vm": vm,
        "title": vm.name,
        "typed": typed,
        "lease": lease_on(vm),
        "within": within,
        "least": day_in(1).isoformat(),
        "last": show.day(within.last) if within.last else "",
        "back": _back(request, vm),
        "is_mine": _back(request, vm) == reverse("mine"),
    }
    return ask(request, "vms/extend.html", context, error)


@page("project.lease", methods=("GET", "POST"))
def rules(request: PageRequest, name: str) -> HttpResponse:
    """How long machines of a project may run."""
    project = get_project(request.actor, name=name)
    require(request.actor, "project.lease", project)
    if request.method == "GET":
        return _rules_form(request, project, _typed_of(rules_of(project)))
    typed = {field: request.POST.get(field, "")[:MAX_TYPED].strip() for field in (*_DAYS, "then", "present")}
    try:
        wanted = _rules_of(typed)
        set_rules(request.actor, project=project, rules=wanted, also_present=bool(typed["present"]))
    except Invalid as error:
        return _rules_form(request, project, typed, error)
    messages.success(request, gettext("The leases of %(name)s are written.") % {"name": project.shown_name})
    return see_other(request, reverse("project", args=[name]))


def _typed_of(found: LeaseRules | None) -> dict[str, str]:
    if found is None:
        return {"days": "", "most_days": "", "grace_days": str(USUAL_GRACE_DAYS), "then": "", "present": ""}
    days = {field: str(getattr(found, field) or "") for field in _DAYS}
    return days | {"then": found.then, "present": ""}


def _rules_of(typed: dict[str, str]) -> LeaseRules | None:
    """What was typed; None without days. Raises Invalid."""
    days, most, grace = (days_of(typed[field], field) for field in _DAYS)
    if days is None:
        return None
    usual = USUAL_GRACE_DAYS if grace is None else grace
    return LeaseRules(days, most, usual, typed["then"] or Then.ARCHIVE.value)


def days_of(text: str, field: str) -> int | None:
    """Days as somebody typed them, None for nothing. Raises Invalid naming `field`."""
    if not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) < 6):
        raise Invalid("Write a whole number of days.", field=field)
    return int(text)


def leases_of(projects: Iterable[Project]) -> dict[str, LeaseRules]:
    """The leases of those projects that have any, by name."""
    return {project.name: rules for project in projects if (rules := rules_of(project))}


def _rules_form(
    request: PageRequest, project: Project, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    context = {
        "project": project,
        "typed": typed,
        "title": project.shown_name,
        "ways": [(value, gettext(label)) for value, label in Then.choices],
        "has_rules": rules_of(project) is not None,
    }
    return ask(request, "projects/lease.html", context, error)
