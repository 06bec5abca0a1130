"""Roles: those built in, to read, and a site's own, made of verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.words import Acts, by_noun, role_title, role_words
from vrabec.lib.errors import Conflict, Invalid, NotFound, VrabecError
from vrabec.services import roles
from vrabec.services.permissions import require
from vrabec.services.roles import GRANTABLE, Described

MAX_TYPED = 1000


@dataclass(frozen=True)
class Row:
    """A role with its verbs under their nouns."""

    role: Described
    title: str
    words: str
    nouns: tuple[Acts, ...]


@page("role.list")
def index(request: PageRequest) -> HttpResponse:
    """All roles."""
    found = [
        Row(role, role_title(role), role_words(role), tuple(by_noun(role.verbs)))
        for role in roles.list_roles(request.actor)
    ]
    return render(request, "people/roles.html", {"rows": found})


@page("role.create", methods=("GET", "POST"))
def create(request: PageRequest) -> HttpResponse:
    """One that is to be."""
    require(request.actor, "role.create")
    if request.method == "GET":
        return _form(
            request, "", {"name": "", "title": "", "version": 0, "verbs": frozenset(), "factor": False}
        )
    typed = _typed(request)
    try:
        made = {name: typed[name] for name in ("name", "title", "verbs")}
        roles.create_role(request.actor, **made)
        roles.set_role_factor(request.actor, name=typed["name"], is_needed=typed["factor"])
    except (Invalid, Conflict) as error:
        return _form(request, "", typed, error)
    messages.success(request, gettext("The role %(name)s is there.") % {"name": typed["name"]})
    return see_other(request, reverse("roles"))


@page("role.change", methods=("GET", "POST"))
def change(request: PageRequest, role: str) -> HttpResponse:
    """Other verbs for one of the site's own."""
    require(request.actor, "role.change")
    if request.method == "GET":
        found = _named(request, role)
        shown = {"title": found.title, "version": found.version, "verbs": found.verbs}
        return _form(request, role, shown | {"factor": found.needs_second_factor})
    typed = _typed(request)
    wish: dict[str, Any] = {name: typed[name] for name in ("title", "version", "verbs")}
    try:
        roles.change_role(request.actor, name=role, **wish)
        roles.set_role_factor(request.actor, name=role, is_needed=typed["factor"])
    except (Invalid, Conflict) as error:
        return _form(request, role, typed, error)
    messages.success(request, gettext("The role %(name)s is changed.") % {"name": role})
    return see_other(request, reverse("roles"))


@page("role.remove", methods=("POST",))
def remove(request: PageRequest, role: str) -> HttpResponse:
    """Remove one that nobody has."""
    roles.remove_role(request.actor, name=role)
    messages.success(request, gettext("The role %(name)s is removed.") % {"name": role})
    return see_other(request, reverse("roles"))


def _named(request: PageRequest, name: str) -> Described:
    """One of the site's own. Raises NotFound."""
    for role in roles.list_roles(request.actor):
        if role.name == name and not role.is_built_in:
            return role
    raise NotFound("There is no role named %(name)s.", name=name[:64])


def _typed(request: PageRequest) -> dict[str, Any]:
    version = request.POST.get("version", "")
    return {
        **{name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in ("name", "title")},
        "version": int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0,
        "verbs": frozenset(request.POST.getlist("verbs")),
        "factor": "factor" in request.POST,
    }


def _form(
    request: PageRequest, role: str, typed: dict[str, Any], error: VrabecError | None = None
) -> HttpResponse:
    context = {
        "role": role,
        "typed": typed,
        "nouns": by_noun(GRANTABLE),
        "problems": problems_of(error) if error else {},
    }
    return render(request, "people/role.html", context, status=error.status if error else 200)
