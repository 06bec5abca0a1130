"""Requests on pages: what one asked for and may answer, and the forms that ask."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.frontends.web.quotas import amount_of, bars_of
from vrabec.lib.errors import Conflict, Invalid, NotFound, VrabecError
from vrabec.models.projects import Project
from vrabec.models.quotas import LIMITS
from vrabec.models.users import Group
from vrabec.services import requests
from vrabec.services.permissions import require
from vrabec.services.quotas import Payer, budget_of
from vrabec.services.requests import MAX_WORDS, More
from vrabec.services.vms import get_vm

MAX_TYPED = 5000


@page("request.list")
def index(request: PageRequest) -> HttpResponse:
    """One's own, and those that one may answer."""
    found, pager = paged(request, requests.list_requests(request.actor))
    may_answer = requests.answerable(request.actor, found)
    rows = [(row, requests.said(row), row.pk in may_answer) for row in found]
    return render(request, "requests/list.html", {"rows": rows, "pager": pager, "most": MAX_WORDS})


@page("request.create", methods=("GET", "POST"))
def more(request: PageRequest) -> HttpResponse:
    """Ask for more of one's own quota, or of a project's or a group's."""
    sent = request.POST if request.method == "POST" else request.GET
    typed = {name: sent.get(name, "")[:MAX_TYPED].strip() for name in (*LIMITS, "why", "whose")}
    payer = _payer(request, typed["whose"])
    if request.method == "GET":
        return _more_form(request, typed, payer)
    try:
        wanted = More(**{what: amount_of(what, typed[what]) for what in LIMITS})
        requests.ask_more(request.actor, more=wanted, why=typed["why"], payer=payer)
    except (Invalid, Conflict) as error:
        return _more_form(request, typed, payer, error)
    return _asked(request)


def _payer(request: PageRequest, whose: str) -> Payer | None:
    """Whose quota the form says: "project:studium", "group:botany", else one's own. Raises NotFound."""
    kind, _, name = whose.partition(":")
    if kind not in ("project", "group"):
        return None
    try:
        return requests.payer_to_ask_for(request.actor, **{kind: name})
    except Invalid as error:
        raise NotFound(error.template, **error.params) from error


@page("vm.extend", methods=("GET", "POST"))
def longer(request: PageRequest, vm_id: int) -> HttpResponse:
    """Ask for a longer lease than one may take."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.extend", vm)
    typed = {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in ("until", "why")}
    context: dict[str, Any] = {"vm": vm, "title": vm.name, "typed": typed, "most": MAX_WORDS}
    if request.method == "GET":
        return ask(request, "requests/longer.html", context)
    try:
        requests.ask_longer(request.actor, vm=vm, until=_day(typed["until"]), why=typed["why"])
    except (Invalid, Conflict) as error:
        return ask(request, "requests/longer.html", context, error)
    return _asked(request)


@page("request.answer", methods=("POST",))
def answer(request: PageRequest, request_id: int) -> HttpResponse:
    """Grant or decline."""
    found = requests.get_request(request.actor, request_id=request_id)
    grants, word = request.POST.get("answer") == "grant", request.POST.get("word", "")[:MAX_TYPED]
    requests.answer(request.actor, request=found, grants=grants, word=word)
    messages.success(request, gettext("Granted.") if grants else gettext("Declined."))
    return see_other(request, reverse("requests"))


def _asked(request: PageRequest) -> HttpResponse:
    messages.success(request, gettext("You have asked. The answer stands here, and comes by mail."))
    return see_other(request, reverse("requests"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Write a day such as 2027-02-12.", field="until") from error


def _more_form(
    request: PageRequest, typed: dict[str, str], payer: Payer | None, error: VrabecError | None = None
) -> HttpResponse:
    context = {
        "title": gettext("Ask for more"),
        "typed": typed,
        "most": MAX_WORDS,
        "quotas": bars_of([budget_of(payer or request.person)], request.person.username),
        "choices": [("", gettext("Yourself")), *map(_choice, requests.payers_to_ask_for(request.actor))],
    }
    return ask(request, "requests/more.html", context, error)


def _choice(payer: Project | Group) -> tuple[str, str]:
    if isinstance(payer, Project):
        name = payer.shown_name
        return f"project:{payer.name}", gettext("The project %(name)s") % {"name": name}
    return f"group:{payer.name}", gettext("The group %(name)s") % {"name": payer.title or payer.name}
