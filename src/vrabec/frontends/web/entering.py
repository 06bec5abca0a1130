"""Where every way to sign in ends: a session of this browser begins, after a second step where there is one.

Between the two the session names somebody who waits (`_WAITS`) and nobody who is signed in: neither pages nor
REST nor streams know such a session, as none of them looks there.
"""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from vrabec.frontends.web.access import address_of, see_other
from vrabec.frontends.web.home import home_of
from vrabec.lib.agents import short_agent
from vrabec.models.users import User
from vrabec.services.people import actor_of
from vrabec.services.session_store import ADDRESS, AGENT

STEP_SECONDS = 300
_WAITS = "waits"


def enter(request: HttpRequest, user: User, to: str, marks: dict[str, str] | None = None) -> HttpResponse:
    """Go on after the first step, a password or whatever stands for it: in, or to the second one.

    `marks` is what the session is to have besides.
    """
    if user.second_factor_since is None:
        begin(request, user, marks)
        return see_other(request, to)
    request.session.flush()
    request.session[_WAITS] = {
        "user": user.pk,
        "until": time.time() + STEP_SECONDS,
        "to": to,
        "marks": marks or {},
        "hash": user.get_session_auth_hash(),
    }
    request.session.set_expiry(STEP_SECONDS)
    return see_other(request, reverse("second-step"))


def waiting(request: HttpRequest) -> User | None:
    """Who has done the first step here, less than five minutes ago."""
    found = _waits(request)
    user = User.objects.filter(pk=found["user"], is_active=True).first() if found else None
    # A password that was changed meanwhile takes the first step back.
    return user if user and constant_time_compare(found["hash"], user.get_session_auth_hash()) else None


def finish(request: HttpRequest, user: User) -> HttpResponse:
    """Go on after the second step, or after one that stands for both."""
    found = _waits(request)
    begin(request, user, found.get("marks"))
    return see_other(request, str(found.get("to") or reverse(home_of(actor_of(user)))))


def begin(request: HttpRequest, user: User, marks: dict[str, str] | None = None) -> None:
    """Sign this browser in as `user`, and note where it is and what it calls itself."""
    request.session.flush()
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.update(marks or {})
    request.session[ADDRESS] = address_of(request)
    request.session[AGENT] = short_agent(request.headers.get("User-Agent", "")[:1000])


def _waits(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.session.get(_WAITS) or {}
    return found if found.get("until", 0) > time.time() else {}
