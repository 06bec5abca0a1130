"""One's own account: the password and the API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import render
from vrabec.lib.errors import Invalid
from vrabec.services.tokens import create_token, list_tokens, revoke_token

DEFAULT_DAYS = 90


@page("account.view")
def index(request: PageRequest) -> HttpResponse:
    """Password and tokens."""
    return _page(request)


@page("token.create", methods=("POST",))
def add_token(request: PageRequest) -> HttpResponse:
    """Make a token; its secret is in this answer and nowhere else."""
    name, days = request.POST.get("name", ""), request.POST.get("days", "")
    number = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
    try:
        _, secret = create_token(request.actor, name=name, days=number)
    except Invalid as error:
        return _page(request, typed={"name": name, "days": days}, problems=problems_of(error), status=422)
    return _page(request, secret=secret, made=name, status=201)


@page("token.revoke", methods=("POST",))
def drop_token(request: PageRequest, token_id: int) -> HttpResponse:
    """End a token."""
    revoke_token(request.actor, token_id=token_id)
    messages.success(request, gettext("The token has ended."))
    return see_other(request, reverse("account"))


def _page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "person": request.person,
        "tokens": list_tokens(request.actor),
        "typed": {"name": "", "days": str(DEFAULT_DAYS)},
        "problems": {},
        "secret": "",
        "made": "",
    }
    return render(request, "account/account.html", context | more, status=status)
