"""Quotas: what somebody may take and takes, as bars, and the form that sets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.lib.errors import Invalid, NotFound, VrabecError
from vrabec.lib.units import parse_mib, show_mib
from vrabec.models.quotas import KINDS, LIMITS
from vrabec.models.users import Group
from vrabec.services.permissions import require
from vrabec.services.quotas import Budget, Limits, default_limits, payer_named, read_budget, set_limits

MAX_TYPED = 100
TITLES = {
    "vms": gettext_noop("Machines"),
    "cpus": gettext_noop("CPUs"),
    "memory_mib": gettext_noop("Memory"),
    "disk_mib": gettext_noop("Disk"),
}
_EVERY = {
    "project": gettext_noop("Every project without a quota of its own"),
    "user": gettext_noop("Every user without a quota of their own"),
    "group": gettext_noop("Every group without a quota of its own"),
}
RUNNING = "counts_running"


@dataclass(frozen=True)
class Bar:
    """One limit: `percent` of it is taken; `words` say how much; `left` is there still, of `most`."""

    title: str
    words: str
    percent: int
    left: str
    most: str


@dataclass(frozen=True)
class Bars:
    """The limits of one budget; none where nothing is limited."""

    title: str
    rows: tuple[Bar, ...]


def bars_of(budgets: Iterable[Budget], me: str) -> list[Bars]:
    """What is limited, in bars; the reader's own are called yours."""
    found = [(budget, tuple(_bars(budget))) for budget in budgets]
    return [Bars(title_of(budget, me), rows) for budget, rows in found if rows]


def title_of(budget: Budget, me: str) -> str:
    """Whose quota it is."""
    if budget.kind == "user" and budget.name == me:
        return gettext("Your quota")
    return gettext("Quota of %(name)s") % {"name": budget.name}


def _bars(budget: Budget) -> Iterable[Bar]:
    for what in LIMITS:
        most, taken = getattr(budget.limits, what), budget.taken(what)
        if most is not None:
            words = gettext("%(taken)s of %(most)s") % {
                "taken": shown(what, taken),
                "most": shown(what, most),
            }
            left = (left_words(what, max(0, most - taken), most), shown(what, most))
            percent = min(100, 100 * taken // most) if most else 100
            yield Bar(gettext(TITLES[what]), words, percent, *left)


def left_words(what: str, left: int, most: int) -> str:
    """What is left of one of LIMITS, in the unit in which people read the whole."""
    return show.left_of(left, most) if what.endswith("_mib") else str(left)


def shown(what: str, amount: int) -> str:
    """An amount of one of LIMITS, as people type it."""
    return show_mib(amount) if what.endswith("_mib") else str(amount)


@page("quota.change", methods=("GET", "POST"))
def change(request: PageRequest, kind: str, name: str = "") -> HttpResponse:
    """The limits of a project, a user or a group, or of all of a kind that have none of their own."""
    require(request.actor, "quota.change")
    if kind not in KINDS:
        raise NotFound("There is nothing here.")
    if request.method == "GET":
        return _form(request, kind, name, _typed_of(_limits(request, kind, name)))
    typed = {field: request.POST.get(field, "")[:MAX_TYPED].strip() for field in (*LIMITS, RUNNING)}
    try:
        set_limits(request.actor, kind=kind, name=name, limits=_wish(typed))
    except Invalid as error:
        return _form(request, kind, name, typed, error)
    messages.success(request, gettext("The quota is written."))
    return see_other(request, _back(kind, name))


def _limits(request: PageRequest, kind: str, name: str) -> Limits:
    if not name:
        return default_limits(kind)
    return read_budget(request.actor, payer=payer_named(request.actor, **{kind: name})).limits


def _typed_of(limits: Limits) -> dict[str, str]:
    values = {what: getattr(limits, what) for what in LIMITS}
    typed = {what: "" if value is None else shown(what, value) for what, value in values.items()}
    return typed | {RUNNING: "on" if limits.counts_running else ""}


def _wish(typed: dict[str, str]) -> Limits:
    """What was typed. Raises Invalid holding every limit that cannot be read."""
    values: dict[str, int | None] = {}
    errors: list[Invalid] = []
    for what in LIMITS:
        try:
            values[what] = amount_of(what, typed[what])
        except Invalid as error:
            errors.append(error)
    if errors:
        raise Invalid(errors[0].template, field=errors[0].field, errors=tuple(errors))
    return Limits(**values, counts_running=bool(typed[RUNNING]))


def amount_of(what: str, text: str) -> int | None:
    """A limit as somebody typed it, None for nothing. Raises Invalid naming `what`."""
    if not text:
        return None
    if what.endswith("_mib"):
        return parse_mib(text, what)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("Write a whole number, or nothing for no limit.", field=what)
    return int(text)


def _form(
    request: PageRequest, kind: str, name: str, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    at = reverse("quota", args=[kind, name]) if name else reverse("quota-default", args=[kind])
    context: dict[str, Any] = {"typed": typed, "at": at, "back": _back(kind, name), "titles": TITLES}
    context["title"] = gettext("Quota of %(name)s") % {"name": name} if name else gettext(_EVERY[kind])
    return ask(request, "quotas/change.html", context, error)


def _back(kind: str, name: str) -> str:
    if kind == "project":
        return reverse("project", args=[name]) if name else reverse("projects")
    if kind == "user":
        return reverse("people")
    group = Group.objects.filter(name=name).first() if name else None
    return reverse("group", args=[group.pk]) if group else reverse("groups")
