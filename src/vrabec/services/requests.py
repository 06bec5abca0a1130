"""Requests: somebody asks for more, who may give it grants or declines, and both are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound
from vrabec.models.grants import holding
from vrabec.models.projects import Project
from vrabec.models.quotas import LIMITS
from vrabec.models.requests import LEASE, QUOTA, Request
from vrabec.models.roles import ADMINISTRATOR
from vrabec.models.users import Group, User
from vrabec.models.vms import Vm
from vrabec.services.leases import MOST_DAYS, LeaseWish, extend_vm, shown_day
from vrabec.services.mail import Letter, link_to, owners_of_project, write_mail
from vrabec.services.permissions import Rights, may, require, rights
from vrabec.services.projects import get_project, projects_for
from vrabec.services.quotas import MOST, Payer, budget_of, set_limits, shown
from vrabec.services.record import record

MAX_WORDS = 1000
_SHOWN = ("user", "vm__project", "vm__host", "of_project", "of_group", "answered_by")
MOST_CHOICES = 200


@dataclass(frozen=True)
class More:
    """What somebody would like their quota to be; None leaves a limit as it is."""

    vms: int | None = None
    cpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None


def ask_longer(actor: Actor, *, vm: Vm, until: date, why: str) -> Request:
    """Ask for a lease beyond what one may take. Raises Invalid, Conflict while one is open, Forbidden."""
    require(actor, "vm.extend", vm)
    if not 1 <= (until - now().date()).days <= MOST_DAYS:
        raise Invalid("Choose from 1 to %(most)s days, counted from today.", field="until", most=MOST_DAYS)
    return _save(actor, Request(kind=LEASE, vm=vm, until=until, why=_words(why, "why")))


def ask_more(actor: Actor, *, more: More, why: str, payer: Payer | None = None) -> Request:
    """Ask for more of one's own quota, or of a project's that one looks after, or of one's group's.

    Raises Invalid, Conflict while one is open, Forbidden.
    """
    require(actor, "request.create")
    whose = _whose(actor, payer)
    asked = {what: getattr(more, what) for what in LIMITS}
    for what, value in asked.items():
        if value is not None and not 0 <= value <= MOST:
            raise Invalid("A limit is 0 to %(most)s, or none.", field=what, most=MOST)
    if all(value is None for value in asked.values()):
        raise Invalid("Say how much you would like to have.", field="vms")
    return _save(actor, Request(kind=QUOTA, why=_words(why, "why"), **asked, **whose))


def _whose(actor: Actor, payer: Payer | None) -> dict[str, Any]:
    """As columns of a request. Raises Forbidden."""
    if isinstance(payer, Project):
        require(actor, "project.change", payer)
        return {"of_project": payer}
    if isinstance(payer, Group) and payer.memberships.filter(user_id=actor.user_id).exists():
        return {"of_group": payer}
    if payer is not None and not (isinstance(payer, User) and payer.pk == actor.user_id):
        raise Forbidden("Only they themselves ask for more.", action="request.create")
    return {}


def payer_to_ask_for(actor: Actor, *, project: str = "", group: str = "") -> Payer | None:
    """The project or the group of the actor's that a request names; None without one: their own quota.

    Raises NotFound for a project that is not seen, Invalid.
    """
    if project and group:
        raise Invalid("Name a project or a group, not both.", field="group")
    if project:
        return get_project(actor, name=project)
    found = my_groups(actor).filter(name=group.replace("\0", "")).first() if group else None
    if group and found is None:
        raise Invalid("You are in no group named %(name)s.", field="group", name=group[:64])
    return found


def my_groups(actor: Actor) -> QuerySet[Group]:
    """The groups that the actor is in, by name."""
    return Group.objects.filter(memberships__user_id=actor.user_id).order_by("name")


def payers_to_ask_for(actor: Actor) -> list[Project | Group]:
    """The projects and groups for which the actor may ask, the first of each by name: two queries."""
    projects = projects_for(actor, "project.change")[:MOST_CHOICES]
    return [*projects, *my_groups(actor)[:MOST_CHOICES]]


def _save(actor: Actor, request: Request) -> Request:
    request.user, request.created_at = User.objects.get(pk=actor.user_id), now()
    try:
        with transaction.atomic():
            request.save()
            record(actor, "request.create", of=request, asks=said(request))
            write_mail(_who_answers(request), _asks(request))
    except IntegrityError as error:
        somebody = request.of_project or request.of_group
        raise Conflict(_ASKED_BY_SOMEBODY if somebody else _ASKED) from error
    return request


_ASKED = "You have asked for this already: it waits for an answer."
_ASKED_BY_SOMEBODY = "Somebody has asked for this already: it waits for an answer."


def list_requests(actor: Actor) -> QuerySet[Request]:
    """One's own, and those that one may answer; open ones first, then the newest."""
    require(actor, "request.list")
    rows = Request.objects.filter(_visible(actor)).select_related(*_SHOWN)
    return rows.order_by(F("answered_at").desc(nulls_first=True), "-pk")


def _visible(actor: Actor) -> Q:
    mine = Q(user_id=actor.user_id)
    projects = Project.objects.open_to(actor, "project.lease")
    theirs = Q(kind=LEASE, vm__project__in=projects, vm__deleted_at=None)
    return mine | theirs | Q(kind=QUOTA) if may(actor, "quota.change") else mine | theirs


def get_request(actor: Actor, *, request_id: int) -> Request:
    """One that the actor sees. Raises NotFound."""
    found = list_requests(actor).filter(pk=request_id).first()
    if found is None:
        raise NotFound("There is no request with this id.")
    return found


def answerable(actor: Actor, rows: Iterable[Request]) -> set[int]:
    """Which of these the actor may answer: as many queries for one as for fifty."""
    open_ones = [row for row in rows if row.answered_at is None]
    projects = {row.vm.project for row in open_ones if row.vm and row.vm.project}
    found, may_limit = rights(actor, projects), may(actor, "quota.change")
    return {row.pk for row in open_ones if _may_give(row, found, may_limit=may_limit)}


def _may_give(row: Request, found: Rights, *, may_limit: bool) -> bool:
    if row.kind == QUOTA:
        return may_limit
    return bool(row.vm and row.vm.project and found.may("project.lease", row.vm.project))


def answer(actor: Actor, *, request: Request, grants: bool, word: str = "") -> Request:
    """Grant what is asked for, or decline, with a word. Raises Conflict when it was answered, Forbidden."""
    verb = "quota.change" if request.kind == QUOTA else "project.lease"
    require(actor, verb, request.vm.project if request.vm else None)
    fresh = {"answered_at": now(), "answered_by_id": actor.user_id or None, "granted": grants}
    with transaction.atomic():
        open_one = Request.objects.filter(pk=request.pk, answered_at=None)
        if not open_one.update(word=_words(word, "word", is_needed=False), **fresh):
            raise Conflict("Somebody has answered this already.")
        if grants:
            _give(actor, request)
        record(actor, "request.grant" if grants else "request.decline", of=request, asks=said(request))
        request.refresh_from_db()
        write_mail([request.user], _answered(request))
    return request


def _give(actor: Actor, request: Request) -> None:
    """Do what was asked for, by the services that everybody uses."""
    if request.vm:
        extend_vm(actor, vm=request.vm, wish=LeaseWish(until=request.until))
        return
    asked = {what: getattr(request, what) for what in LIMITS if getattr(request, what) is not None}
    budget = budget_of(request.of_project or request.of_group or request.user)
    set_limits(actor, kind=budget.kind, name=budget.name, limits=replace(budget.limits, **asked))


def _words(text: str, field: str, *, is_needed: bool = True) -> str:
    found = text.replace("\r\n", "\n").strip()
    if (is_needed and not found) or len(found) > MAX_WORDS or "\0" in found:
        raise Invalid("Say it in 1 to %(most)s signs.", field=field, most=MAX_WORDS)
    return found


def said(request: Request) -> str:
    """What is asked for: "web until 12 Feb 2027", "6 machines, 16 GiB of memory for the group botany"."""
    if request.vm and request.until:
        return f"{request.vm.name} until {shown_day(request.until)}"
    asked = [(what, getattr(request, what)) for what in LIMITS]
    words = ", ".join(shown(what, value) for what, value in asked if value is not None)
    if request.of_project:
        return f"{words} for the project {request.of_project.name}"
    return f"{words} for the group {request.of_group.name}" if request.of_group else words


def _who_answers(request: Request) -> QuerySet[User]:
    """The owners of the machine's project; where it has none, and for quotas, the administrators."""
    owners = owners_of_project(request.vm.project) if request.vm and request.vm.project else None
    if owners is not None and owners.exists():
        return owners
    theirs = "memberships__group__grants__"
    own = Q(grants__role=ADMINISTRATOR) & holding("grants__")
    by_group = Q(**{f"{theirs}role": ADMINISTRATOR}) & holding(theirs)
    return User.objects.filter(own | by_group).distinct().order_by("pk")


def _asks(request: Request) -> Letter:
    who = request.user.shown_name
    where = link_to("/requests")
    text = f"{who} asks for {said(request)}:\n\n{request.why}\n\nGrant or decline it here:\n{where}"
    return Letter(f"{who} asks for {said(request)}", text)


def _answered(request: Request) -> Letter:
    how = "granted" if request.granted else "declined"
    by = request.answered_by.shown_name if request.answered_by else "Vrabec"
    word = f"\n\n{request.word}" if request.word else ""
    text = f"You asked for {said(request)}. {by} has {how} it.{word}\n\n{link_to('/requests')}"
    return Letter(f"Your request was {how}: {said(request)}", text)
