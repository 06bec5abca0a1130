"""One's own account: the password, the sessions and the API tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.quotas import bars_of
from vrabec.lib.errors import Invalid
from vrabec.services.quotas import budget_of
from vrabec.services.sessions import end_other_sessions, end_session, list_sessions
from vrabec.services.tokens import create_token, list_tokens, project_names_of, revoke_token

DEFAULT_DAYS = 90
MAX_TYPED = 4000
_NEW = {"name": "", "days": str(DEFAULT_DAYS), "verbs": "", "projects": ""}


@page("account.view")
def index(request: PageRequest) -> HttpResponse:
    """Password, sessions and tokens."""
    return _page(request)


@page("token.create", methods=("POST",))
def add_token(request: PageRequest) -> HttpResponse:
    """Make a token; its secret is in this answer and nowhere else."""
    typed = {name: request.POST.get(name, "")[:MAX_TYPED] for name in _NEW}
    days = typed["days"]
    number = int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0
    verbs, projects = (typed[name].replace(",", " ").split() for name in ("verbs", "projects"))
    try:
        _, secret = create_token(
            request.actor, name=typed["name"], days=number, verbs=verbs, projects=projects
        )
    except Invalid as error:
        return _page(request, typed=typed, problems=problems_of(error), status=422)
    return _page(request, secret=secret, made=typed["name"], status=201)


@page("token.revoke", methods=("POST",))
def drop_token(request: PageRequest, token_id: int) -> HttpResponse:
    """End a token."""
    revoke_token(request.actor, token_id=token_id)
    messages.success(request, gettext("The token has ended."))
    return see_other(request, reverse("account"))


@page("session.end", methods=("POST",))
def drop_session(request: PageRequest, session_id: int) -> HttpResponse:
    """Sign out another browser, or this one."""
    end_session(request.actor, session_id=session_id)
    messages.success(request, gettext("The session has ended."))
    return see_other(request, reverse("account"))


@page("session.end", methods=("POST",))
def drop_other_sessions(request: PageRequest) -> HttpResponse:
    """Sign out all other browsers."""
    end_other_sessions(request.actor, but=request.session.row_id)
    messages.success(request, gettext("All other sessions have ended."))
    return see_other(request, reverse("account"))


def _page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    tokens = list(list_tokens(request.actor))
    context = {
        "person": request.person,
        "quotas": bars_of([budget_of(request.person)], request.person.username),
        "tokens": tokens,
        "sessions": list(list_sessions(request.actor)),
        "this_session": request.session.row_id,
        "projects_of": project_names_of(tokens),
        "typed": _NEW,
        "problems": {},
        "secret": "",
        "made": "",
    }
    return render(request, "account/account.html", context | more, status=status)
