"""Groups: people who are given roles together."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask, problems_of
from vrabec.frontends.web.held import about
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.frontends.web.quotas import Bars, bars_of
from vrabec.lib.errors import Conflict, Invalid, VrabecError
from vrabec.models.grants import Grant
from vrabec.models.users import Group
from vrabec.models.vms import Vm
from vrabec.services import groups
from vrabec.services.holders import Holder
from vrabec.services.permissions import may, require
from vrabec.services.quotas import read_budget

MAX_TYPED = 1000
SHOWN = 6
"""Members named in the list."""


@page("group.list")
def index(request: PageRequest) -> HttpResponse:
    """All groups."""
    return _list(request)


@page("group.create", methods=("POST",))
def create(request: PageRequest) -> HttpResponse:
    """Make one, and go on to its members."""
    typed = {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in ("name", "title")}
    require(request.actor, "group.create")
    try:
        made = groups.create_group(request.actor, **typed)
    except (Invalid, Conflict) as error:
        return _list(request, typed=typed, problems=problems_of(error), status=error.status)
    return see_other(request, reverse("group", args=[made.pk]))


@page("group.list")
def show(request: PageRequest, group_id: int) -> HttpResponse:
    """One group with its members."""
    return _show(request, groups.get_group(request.actor, group_id=group_id))


@page("group.change", methods=("POST",))
def add(request: PageRequest, group_id: int) -> HttpResponse:
    """Put somebody into it."""
    group = groups.get_group(request.actor, group_id=group_id)
    require(request.actor, "group.change")
    username = request.POST.get("username", "")[:MAX_TYPED].strip()
    try:
        if not username:
            raise Invalid("Name a user.", field="user")
        groups.add_member(request.actor, group=group, username=username)
    except Invalid as error:
        return _show(request, group, username, error)
    return see_other(request, reverse("group", args=[group.pk]))


@page("group.change", methods=("POST",))
def drop(request: PageRequest, group_id: int, username: str) -> HttpResponse:
    """Take somebody out of it."""
    group = groups.get_group(request.actor, group_id=group_id)
    groups.remove_member(request.actor, group=group, username=username)
    messages.success(request, gettext("%(name)s is no longer in the group.") % {"name": username})
    return see_other(request, reverse("group", args=[group.pk]))


@page("group.change", methods=("POST",))
def follow(request: PageRequest, group_id: int) -> HttpResponse:
    """Name the groups of other systems that it follows."""
    group = groups.get_group(request.actor, group_id=group_id)
    names = request.POST.get("outside", "")[: 20 * MAX_TYPED].splitlines()
    try:
        groups.follow(request.actor, group=group, outside=names)
    except (Invalid, Conflict) as error:
        group.outside = "\n".join(names)
        return _show(request, group, error=error)
    messages.success(request, gettext("Saved. It counts from when somebody next signs in."))
    return see_other(request, reverse("group", args=[group.pk]))


@page("group.remove", methods=("GET", "POST"))
def remove(request: PageRequest, group_id: int) -> HttpResponse:
    """Say what goes with it, and ask for the name; then remove it."""
    group = groups.get_group(request.actor, group_id=group_id)
    require(request.actor, "group.remove")
    typed = request.POST.get("name", "")[:MAX_TYPED].strip()
    if request.method == "GET":
        return _ask(request, group, typed)
    try:
        if typed != group.name:
            raise Invalid("This is not the name of the group: %(name)s.", field="name", name=group.name)
        groups.remove_group(request.actor, group=group)
    except (Invalid, Conflict) as error:
        return _ask(request, group, typed, error)
    messages.success(request, gettext("The group %(name)s is removed.") % {"name": group.name})
    return see_other(request, reverse("groups"))


def _list(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    found, pager = paged(request, groups.list_groups(request.actor))
    rows = [(group, sorted(row.user.shown_name for row in group.memberships.all())) for group in found]
    context = {
        "rows": rows,
        "pager": pager,
        "most": SHOWN,
        "typed": {"name": "", "title": ""},
        "problems": {},
    }
    return render(request, "people/groups.html", context | more, status=status)


def _show(
    request: PageRequest, group: Group, typed: str = "", error: VrabecError | None = None
) -> HttpResponse:
    members = sorted((row.user for row in group.memberships.all()), key=lambda user: user.username)
    context = {
        "group": group,
        "members": members,
        "typed": typed,
        "problems": problems_of(error) if error else {},
        "quotas": _quotas(request, group),
        **about(request, Holder(group=group)),
    }
    return render(request, "people/group.html", context, status=error.status if error else 200)


def _quotas(request: PageRequest, group: Group) -> list[Bars]:
    if not may(request.actor, "quota.view"):
        return []
    return bars_of([read_budget(request.actor, payer=group)], request.person.username)


def _ask(request: PageRequest, group: Group, typed: str, error: VrabecError | None = None) -> HttpResponse:
    context = {
        "group": group,
        "title": group.name,
        "typed": typed,
        "members": group.memberships.count(),
        "grants": Grant.objects.filter(group=group).count(),
        "vm_count": Vm.objects.present().filter(owner_group=group).count(),
    }
    return ask(request, "people/remove_group.html", context, error)
