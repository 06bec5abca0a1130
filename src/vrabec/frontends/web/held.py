"""The access of one person or group: where they have which role, by what, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.frontends.web.words import act_of, role_title, role_words
from vrabec.lib.actor import Actor
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant, Withheld
from vrabec.models.projects import Project
from vrabec.models.vms import Vm
from vrabec.services.access import Scope, scope_of
from vrabec.services.accounts import get_account
from vrabec.services.held import list_held, list_kept
from vrabec.services.holders import Holder
from vrabec.services.permissions import Rights, may, rights
from vrabec.services.roles import Described, list_roles

MOST_KEPT = 50


@dataclass(frozen=True)
class Place:
    """Where something holds; `href` where the reader may open it."""

    kind: str
    name: str
    href: str


@dataclass(frozen=True)
class Line:
    """One role: where, by which group or by name, until when."""

    place: Place
    title: str
    words: str
    group: str
    group_id: int
    until: str


@dataclass(frozen=True)
class Kept:
    """A verb that is withheld on a machine, and from which group, or by name."""

    place: Place
    act: str
    group: str


@page("user.list")
def of_user(request: PageRequest, user_id: int) -> HttpResponse:
    """What somebody has."""
    user = get_account(request.actor, user_id=user_id)
    return _show(request, Holder(user=user), is_own=False)


@page("grant.list")
def own(request: PageRequest) -> HttpResponse:
    """What the reader has."""
    return _show(request, Holder(user=request.person), is_own=True)


def _show(request: PageRequest, holder: Holder, *, is_own: bool) -> HttpResponse:
    owned = Vm.objects.visible_to(request.actor).filter(owner=holder.user).count()
    context = {"user": holder.user, "is_own": is_own, "vm_count": owned}
    return render(request, "people/access.html", context | about(request, holder))


def about(request: PageRequest, holder: Holder) -> dict[str, Any]:
    """What the table of somebody's roles needs: as many queries for one as for fifty. Raises Forbidden."""
    found, pager = paged(request, list_held(request.actor, holder=holder))
    kept = list(list_kept(request.actor, holder=holder)[:MOST_KEPT])
    shown = [on for on in (scope_of(row) for row in found) if on] + [row.vm for row in kept]
    places = _Places(request.actor, rights(request.actor, shown))
    return {
        "held": _lines(request.actor, found, places),
        "kept": [_kept(row, places) for row in kept],
        "pager": pager,
        "of_group": holder.group is not None,
        "may_open_groups": may(request.actor, "group.list"),
    }


class _Places:
    """Says where things are, to a reader with these rights."""

    def __init__(self, actor: Actor, found: Rights) -> None:
        self._actor, self._rights = actor, found

    def of(self, on: Scope | None) -> Place:
        """A scope; None is the site."""
        if on is None:
            href = reverse("site-access") if may(self._actor, "site.share") else ""
            return Place("site", gettext("The whole site"), href)
        kind = on._meta.model_name or ""
        name = on.shown_name if isinstance(on, Project) else on.name
        return Place(kind, name, self._page_of(on))

    def _page_of(self, on: Scope) -> str:
        """Its address, "" where they may not open it; that of a cluster is for who sees all clusters."""
        if isinstance(on, Cluster):
            sees = may(self._actor, "cluster.capacity")
            return reverse("cluster-capacity", args=[on.pk]) if sees else ""
        if isinstance(on, Project):
            return reverse("project", args=[on.name]) if self._rights.may("project.view", on) else ""
        return reverse("vm", args=[on.pk]) if self._rights.may("vm.view", on) else ""


def _lines(actor: Actor, rows: Iterable[Grant], places: _Places) -> list[Line]:
    known = {role.name: role for role in list_roles(actor)}
    return [_line(row, known.get(row.role) or Described(row.role, "", frozenset()), places) for row in rows]


def _line(row: Grant, role: Described, places: _Places) -> Line:
    return Line(
        place=places.of(scope_of(row)),
        title=role_title(role),
        words=role_words(role, on="vm" if row.vm_id else "cluster" if row.cluster_id else ""),
        group=row.group.title or row.group.name if row.group else "",
        group_id=row.group_id or 0,
        until=show.day(row.until) if row.until else "",
    )


def _kept(row: Withheld, places: _Places) -> Kept:
    group = row.group.title or row.group.name if row.group else ""
    return Kept(places.of(row.vm), act_of(row.verb), group)
