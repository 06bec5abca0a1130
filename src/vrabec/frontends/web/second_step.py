"""The second step of signing in, and signing in by a passkey instead of a password."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from vrabec.frontends.web.access import address_of, page, see_other
from vrabec.frontends.web.entering import STEP_SECONDS, finish, waiting
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.forms import Problem
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.place import can_have_passkeys, place_of
from vrabec.frontends.web.session import refused
from vrabec.lib.errors import TooMany, Unauthenticated, Unavailable
from vrabec.models.users import User
from vrabec.services import passkeys, second_step

MAX_CODE = 100
MAX_ANSWER = 20_000
STATE = "passkey"
"""Where a session keeps what a ceremony was begun with."""


@page(None, methods=("GET", "POST"))
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a code of who has given their password."""
    user = waiting(request)
    if user is None:
        return see_other(request, reverse("sign-in"))
    if request.method == "GET":
        return _asked(request, user)
    try:
        second_step.take_code(user, request.POST.get("code", "")[:MAX_CODE], address_of(request))
    except (Unauthenticated, TooMany, Unavailable) as error:
        return _asked(request, user, Problem(say(error)), error.status)
    return finish(request, user)


@page(None, methods=("POST",))
def options(request: HttpRequest) -> HttpResponse:
    """What the browser needs to use a passkey: of the one who waits, or any that it keeps for this site."""
    try:
        wanted, state = passkeys.begin_sign_in(place_of(request), waiting(request), address_of(request))
    except TooMany as error:
        return JsonResponse({"message": say(error)}, status=error.status)
    request.session[STATE] = state
    if not request.user.is_authenticated:
        request.session.set_expiry(STEP_SECONDS)
    return JsonResponse(wanted)


@page(None, methods=("POST",))
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in by the browser's answer."""
    user, state = waiting(request), request.session.pop(STATE, None)
    try:
        made = passkeys.Made(state, answer_of(request))
        known = passkeys.sign_in(place_of(request), user, made=made, address=address_of(request))
    except Unauthenticated as error:
        problem = Problem(say(error))
        if user:
            return _asked(request, user, problem, error.status)
        return refused(request, error)
    return finish(request, known)


def answer_of(request: HttpRequest) -> Any:
    """What the browser's half of a ceremony gave; None for what cannot be read."""
    try:
        return json.loads(request.POST.get("credential", "")[:MAX_ANSWER])
    except ValueError:
        return None


def _asked(
    request: HttpRequest, user: User, problem: Problem | None = None, status: int = 200
) -> HttpResponse:
    has_keys = can_have_passkeys(request) and user.passkeys.exists()
    context = {"problem": problem, "name": user.username, "passkeys": has_keys}
    return render(request, "session/second_step.html", context, status=status, bare=True)
