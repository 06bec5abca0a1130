"""Where every way to sign in ends: a session of this browser begins."""

from __future__ import annotations

from django.contrib.auth import login
from django.http import HttpRequest

from vrabec.frontends.web.access import address_of
from vrabec.lib.agents import short_agent
from vrabec.models.users import User
from vrabec.services.session_store import ADDRESS, AGENT


def begin(request: HttpRequest, user: User) -> None:
    """Sign this browser in as `user`, and note where it is and what it calls itself."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session[ADDRESS] = address_of(request)
    request.session[AGENT] = short_agent(request.headers.get("User-Agent", "")[:1000])
