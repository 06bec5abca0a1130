"""Who may do what on a scope: the cards that its page shows, and giving and taking roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import by_person, reasons, show
from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import Problem, day_of, problems_of
from vrabec.frontends.web.words import act_of, role_title, role_words
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Forbidden, Invalid, VrabecError
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant, Withheld
from vrabec.models.projects import Project
from vrabec.models.roles import OWNER
from vrabec.models.users import Group, User
from vrabec.models.vms import Vm
from vrabec.services import access
from vrabec.services.access import Offer, Scope
from vrabec.services.holders import Holder, holder_named
from vrabec.services.people import actor_of
from vrabec.services.permissions import may
from vrabec.services.roles import Described

MAX_TYPED = 1000
GIVE = ("who", "kind", "role", "until")


@dataclass(frozen=True)
class Filled:
    """A form as it was sent, and what is wrong with it."""

    typed: dict[str, str]
    problems: dict[str, Problem] = field(default_factory=dict)
    status: int = 200

    @property
    def who(self) -> Problem | None:
        """What is wrong with the name of a user or a group."""
        return self.problems.get("user") or self.problems.get("group")

    def refused(self, error: VrabecError) -> Filled:
        """The same with what is wrong."""
        return Filled(self.typed, problems_of(error), error.status)


@dataclass(frozen=True)
class Kept:
    """A verb that is withheld: `can_end` for all but those from whom it is."""

    id: int
    act: str
    can_end: bool


@dataclass(frozen=True)
class Line:
    """One role of one holder, and why it holds here; `grant_id` is 0 for what cannot be taken back here."""

    grant_id: int
    name: str
    second: str
    is_group: bool
    title: str
    words: str
    kind: str
    because: str
    place: str
    href: str
    withheld: tuple[Kept, ...]
    is_grant: bool = False
    until: str = ""


def filled(request: PageRequest, *names: str) -> Filled:
    """What was sent of these fields."""
    sent = request.POST if request.method == "POST" else request.GET
    return Filled({name: sent.get(name, "")[:MAX_TYPED].strip() for name in names})


def holder_in(form: Filled, who: str = "who", kind: str = "kind") -> Holder:
    """The user or the group that a form names. Raises Invalid."""
    name = form.typed[who]
    return holder_named(group=name) if form.typed[kind] == "group" and name else holder_named(user=name)


def give_to(request: PageRequest, scope: Scope | None) -> Filled:
    """Give the role that the form says; with problems where it was refused. Raises Forbidden."""
    access.require_share(request.actor, scope)  # before anything says whether there is such a user
    form = filled(request, *GIVE)
    try:
        if not form.typed["role"]:
            raise Invalid("Choose what they may.", field="role")
        until, holder = day_of(form.typed["until"]), holder_in(form)
        access.give(request.actor, holder=holder, role=form.typed["role"], scope=scope, until=until)
    except (Invalid, Conflict, Forbidden) as error:
        return form.refused(error)
    messages.success(request, gettext("%(name)s has the role now.") % {"name": form.typed["who"]})
    return form


@page("grant.take", methods=("POST",))
def take(request: PageRequest, grant_id: int) -> HttpResponse:
    """Take a role back, or give up one's own."""
    scope = access.take(request.actor, grant_id=grant_id)
    messages.success(request, gettext("The role is taken back."))
    return see_other(request, left(request, scope))


def left(request: PageRequest, scope: Scope | None) -> str:
    """Where to go after an act that may have ended one's own rights: as near as may still be seen."""
    actor = actor_of(request.person)
    if isinstance(scope, Vm):
        ways = (("vm.share", "vm-access"), ("vm.view", "vm"))
        return next((reverse(name, args=[scope.pk]) for verb, name in ways if may(actor, verb, scope)), "/")
    if isinstance(scope, Project):
        seen = may(actor, "project.view", scope)
        return reverse("project", args=[scope.name]) if seen else reverse("projects")
    if isinstance(scope, Cluster):
        return reasons.page_of(actor, scope) or "/"
    return reverse("site-access") if may(actor, "site.share") else "/"


def cards(request: PageRequest, scope: Scope | None, form: Filled | None = None) -> dict[str, Any]:
    """What "Who may do what" and "Add a grant" need. Raises Forbidden."""
    offered = access.offers(request.actor, scope=scope)
    choices = [offer.role for offer in offered if offer.has_use and offer.in_reach]
    kind = reasons.kind_of(scope)
    by_whom = request.method != "POST" and request.GET.get("by") == "person"
    return {
        "by": "person" if by_whom else "grant",
        "list_at": reasons.list_at(scope),
        "choices": [(role.name, role_title(role), role_words(role, on=kind)) for role in choices],
        "give": form or Filled(dict.fromkeys(GIVE, "")),
        **(by_person.about(request, scope) if by_whom else _by_grant(request.actor, scope, offered)),
    }


def _by_grant(actor: Actor, scope: Scope | None, offered: Iterable[Offer]) -> dict[str, Any]:
    lines = _Lines(actor, scope, offered).all()
    return {"lines": lines, "grant_count": sum(line.is_grant for line in lines)}


class _Lines:
    """Makes the lines of a scope."""

    def __init__(self, actor: Actor, scope: Scope | None, offered: Iterable[Offer]) -> None:
        self._actor, self._scope = actor, scope
        self._offers = {offer.role.name: offer for offer in offered}
        self._kept = _withheld(actor, scope) if isinstance(scope, Vm) else {}
        self._places = reasons.Places(actor)

    def all(self) -> list[Line]:
        """The owner, then grants from the nearest, then who has none and lacks something."""
        found = [self._owner(self._scope)] if isinstance(self._scope, Vm) else []
        rows = access.list_grants(self._actor, scope=self._scope)
        rows = rows.annotate(member_count=Count("group__memberships"))
        nearest = sorted(rows, key=lambda row: reasons.width(access.scope_of(row)))
        found += [self._grant(row) for row in nearest]
        return [line for line in found if line] + [self._rest(holder) for holder in list(self._kept)]

    def _owner(self, vm: Vm) -> Line | None:
        holder = Holder(vm.owner, vm.owner_group)
        if not holder.name:
            return None
        members = vm.owner_group.memberships.count() if vm.owner_group else 0
        return self._line(holder, members, OWNER, because=reasons.because(vm, vm, owns=True), kind="vm")

    def _grant(self, row: Grant) -> Line:
        on, offer = access.scope_of(row), self._offers.get(row.role)
        in_reach = row.user_id == self._actor.user_id or offer is None or offer.in_reach
        return self._line(
            Holder(row.user, row.group),
            row.member_count,  # type: ignore[attr-defined]
            row.role,
            is_grant=True,
            grant_id=row.pk if on == self._scope and in_reach else 0,
            kind=reasons.kind_of(on),
            until=show.day(row.until) if row.until else "",
            because=reasons.because(on, self._scope),
            place=reasons.place(on, self._scope),
            href=self._places.href(on, self._scope),
        )

    def _rest(self, holder: tuple[str, int]) -> Line:
        row = self._kept[holder][0]
        members = row.group.memberships.count() if row.group else 0
        return self._line(Holder(row.user, row.group), members, "", because="", kind="")

    def _line(self, holder: Holder, members: int, role: str, **more: Any) -> Line:
        kept = self._kept.pop(_key(holder.row), [])
        described = self._offers[role].role if role in self._offers else Described(role, "", frozenset())
        here, values = reasons.kind_of(self._scope), {"grant_id": 0, "place": "", "href": "", **more}
        return Line(
            name=reasons.shown(holder.row),
            second=reasons.second(holder.row, members),
            is_group=holder.group is not None,
            title=role_title(described) if role else "",
            words=role_words(described, on=here) if role else gettext("no role of their own here"),
            withheld=tuple(
                Kept(row.pk, act_of(row.verb), access.may_give_back(self._actor, row)) for row in kept
            ),
            **values,
        )


def _withheld(actor: Actor, vm: Vm) -> dict[tuple[str, int], list[Withheld]]:
    found: dict[tuple[str, int], list[Withheld]] = {}
    for row in access.list_withheld(actor, vm=vm):
        found.setdefault(_key(Holder(row.user, row.group).row), []).append(row)
    return found


def _key(row: User | Group) -> tuple[str, int]:
    return (row._meta.model_name or "", row.pk)
