"""Accounts: made, closed and removed; and who has a role on the whole site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask, problems_of
from vrabec.frontends.web.grants import Filled, cards, give_to
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.frontends.web.words import role_title
from vrabec.lib.errors import Conflict, Invalid, VrabecError
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services import access, accounts
from vrabec.services.accounts import Account
from vrabec.services.permissions import require
from vrabec.services.roles import list_roles
from vrabec.services.second_factors import remove_factors as remove_all_factors
from vrabec.services.sessions import sign_out_user

MAX_TYPED = 1000
_KNOWN = ("full_name", "email")
_NEW = ("username", *_KNOWN)
_THEIR = {"full_name": "their_name", "email": "their_email"}
"""Fields of the dialog, which stands on a page with those of a new account."""


@dataclass(frozen=True)
class Row:
    """Somebody, with their groups and the roles that they were given by name."""

    user: User
    groups: tuple[tuple[int, str], ...]
    roles: tuple[str, ...]
    is_self: bool


@page("user.list")
def index(request: PageRequest) -> HttpResponse:
    """Everybody."""
    return _list(request)


@page("user.create", methods=("POST",))
def create(request: PageRequest) -> HttpResponse:
    """Make an account; the link for its person is in this answer and nowhere else."""
    require(request.actor, "user.create")
    typed = _typed(request, _NEW)
    account = _account(typed)
    try:
        made, secret = accounts.create_account(request.actor, username=typed["username"], account=account)
    except (Invalid, Conflict) as error:
        return _list(request, typed=typed, problems=problems_of(error), status=error.status)
    return _list(request, secret=_link(request, secret), made=made, status=201)


@page("user.change", methods=("POST",))
def link(request: PageRequest, user_id: int) -> HttpResponse:
    """A new link; it is in this answer and nowhere else."""
    user = accounts.get_account(request.actor, user_id=user_id)
    secret = accounts.make_link(request.actor, user=user)
    return _list(request, secret=_link(request, secret), made=user, status=201)


@page("user.change", methods=("GET", "POST"))
def change(request: PageRequest, user_id: int) -> HttpResponse:
    """Their name and address."""
    user = accounts.get_account(request.actor, user_id=user_id)
    require(request.actor, "user.change")
    if request.method == "GET":
        return _ask(request, "change", user, {name: getattr(user, name) for name in _KNOWN})
    typed = {name: request.POST.get(field, "")[:MAX_TYPED].strip() for name, field in _THEIR.items()}
    try:
        accounts.change_account(request.actor, user=user, account=_account(typed))
    except (Invalid, Conflict) as error:
        return _ask(request, "change", user, typed, error)
    return see_other(request, reverse("people"))


@page("user.sign_out", methods=("POST",))
def sign_out(request: PageRequest, user_id: int) -> HttpResponse:
    """End all sessions of somebody."""
    user = accounts.get_account(request.actor, user_id=user_id)
    sign_out_user(request.actor, user=user)
    messages.success(request, gettext("All sessions of %(name)s have ended.") % {"name": user.shown_name})
    return see_other(request, reverse("people"))


@page("user.factors", methods=("POST",))
def remove_factors(request: PageRequest, user_id: int) -> HttpResponse:
    """Remove the second factors of somebody who has lost them."""
    user = accounts.get_account(request.actor, user_id=user_id)
    remove_all_factors(request.actor, user=user)
    sentence = gettext("%(name)s has no second factor any more, and signs in by password alone.")
    messages.success(request, sentence % {"name": user.shown_name})
    return see_other(request, reverse("people"))


@page("user.change", methods=("POST",))
def close(request: PageRequest, user_id: int) -> HttpResponse:
    """Let somebody no longer sign in."""
    return _turn(request, user_id, False, gettext("The account of %(name)s is closed."))


@page("user.change", methods=("POST",))
def reopen(request: PageRequest, user_id: int) -> HttpResponse:
    """Let somebody sign in again."""
    return _turn(request, user_id, True, gettext("The account of %(name)s is open again."))


@page("user.remove", methods=("GET", "POST"))
def remove(request: PageRequest, user_id: int) -> HttpResponse:
    """Say what becomes of what they have, and ask for the name; then remove them."""
    user = accounts.get_account(request.actor, user_id=user_id)
    require(request.actor, "user.remove")
    typed = _typed(request, ("name",))
    if request.method == "GET":
        return _ask(request, "remove", user, typed)
    try:
        if typed["name"] != user.username:
            raise Invalid("This is not their user name: %(name)s.", field="name", name=user.username)
        accounts.remove_account(request.actor, user=user)
    except (Invalid, Conflict) as error:
        return _ask(request, "remove", user, typed, error)
    messages.success(request, gettext("The account %(name)s is removed.") % {"name": user.username})
    return see_other(request, reverse("people"))


@page("site.share")
def site(request: PageRequest) -> HttpResponse:
    """Who has a role on the whole site."""
    access.require_share(request.actor, None)
    return _site(request)


@page("site.share", methods=("POST",))
def give(request: PageRequest) -> HttpResponse:
    """Give a role on the whole site."""
    form = give_to(request, None)
    return _site(request, form) if form.problems else see_other(request, reverse("site-access"))


def _site(request: PageRequest, form: Filled | None = None) -> HttpResponse:
    return render(
        request, "people/site.html", cards(request, None, form), status=form.status if form else 200
    )


def _turn(request: PageRequest, user_id: int, is_active: bool, words: str) -> HttpResponse:
    user = accounts.get_account(request.actor, user_id=user_id)
    accounts.change_account(request.actor, user=user, account=Account(is_active=is_active))
    messages.success(request, words % {"name": user.shown_name})
    return see_other(request, reverse("people"))


def _typed(request: PageRequest, names: tuple[str, ...]) -> dict[str, str]:
    return {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in names}


def _account(typed: dict[str, str]) -> Account:
    return Account(full_name=typed["full_name"], email=typed["email"])


def _link(request: PageRequest, secret: str) -> str:
    """As it is sent to its person."""
    return request.build_absolute_uri(reverse("sign-in-link", args=[secret]))


def _list(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    found, pager = paged(request, accounts.list_accounts(request.actor))
    titles = {role.name: role_title(role) for role in list_roles(request.actor)}
    context = {
        "rows": [_row(request, user, titles) for user in found],
        "pager": pager,
        "typed": dict.fromkeys(_NEW, ""),
        "problems": {},
        "secret": "",
        "made": None,
    }
    return render(request, "people/list.html", context | more, status=status)


def _row(request: PageRequest, user: User, titles: dict[str, str]) -> Row:
    groups = sorted((row.group.name, row.group_id) for row in user.memberships.all())
    return Row(
        user,
        tuple((pk, name) for name, pk in groups),
        tuple(_role(grant, titles) for grant in user.grants.all()),
        user.pk == request.actor.user_id,
    )


def _role(grant: Any, titles: dict[str, str]) -> str:
    """A role, where it holds and until when: "Owner in IS Studium until 12 Feb 2027"."""
    where = _role_on(grant, titles)
    if not grant.until:
        return where
    return gettext("%(role)s until %(day)s") % {"role": where, "day": show.day(grant.until)}


def _role_on(grant: Any, titles: dict[str, str]) -> str:
    on, title = access.scope_of(grant), titles.get(grant.role, grant.role)
    if on is None:
        return gettext("%(role)s on the whole site") % {"role": title}
    words = {"vm": gettext("%(role)s on %(name)s"), "project": gettext("%(role)s in %(name)s")}
    name = getattr(on, "shown_name", on.name)
    kind = on._meta.model_name or ""
    return words.get(kind, gettext("%(role)s in the cluster %(name)s")) % {"role": title, "name": name}


def _ask(
    request: PageRequest, form: str, user: User, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    vms = Vm.objects.present().filter(owner=user).count() if form == "remove" else 0
    context = {"user": user, "title": user.shown_name, "typed": typed, "vm_count": vms}
    return ask(request, f"people/{form}.html", context, error)
