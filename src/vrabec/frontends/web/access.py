"""Who may open a page: one decorator for every view, which also turns our errors into pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote, urlencode

from django.conf import settings
from django.contrib.auth import logout
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse

from vrabec.frontends.web import errors
from vrabec.lib.actor import Actor
from vrabec.lib.errors import VrabecError
from vrabec.lib.headers import CERTIFICATE_HEADER
from vrabec.models.identities import Source
from vrabec.models.users import User
from vrabec.services.people import actor_of
from vrabec.services.permissions import ACTIONS
from vrabec.services.session_store import SessionStore
from vrabec.services.sessions import see_session

Answer = Callable[..., HttpResponse]
PROXIED = "proxied"
"""In a session: whom the proxy in front had named when it began."""


class PageRequest(HttpRequest):
    """A request as views see it: `actor` and `person` are the one signed in."""

    actor: Actor
    person: User
    session: SessionStore


def page(
    action: str | None,
    *,
    methods: tuple[str, ...] = ("GET",),
    before_password: bool = False,
    before_factor: bool = False,
) -> Callable[[Answer], Answer]:
    """Guard a view: `action` names the right it needs (the service checks it), None opens it to everybody.

    `before_password`: also for somebody who must set a password first; `before_factor`: a second factor.
    """
    exempt = {"set-password"} if before_password else set()
    exempt |= {"second-factor"} if before_factor else set()
    if action is not None and action not in ACTIONS:
        raise KeyError(action)

    def guard(view: Answer) -> Answer:
        @wraps(view)
        def guarded(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods and not (request.method == "HEAD" and "GET" in methods):
                return HttpResponseNotAllowed(methods)
            try:
                turned = _enter(request, is_public=action is None, exempt=exempt)
                return turned or view(request, *args, **kwargs)
            except VrabecError as error:
                return errors.show(request, error)
            except OperationalError as error:
                return errors.database(request, error)

        guarded.action = action  # type: ignore[attr-defined]
        return guarded

    return guard


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, which wants a part of a page."""
    return request.headers.get("HX-Request") == "true"


def address_of(request: HttpRequest) -> str:
    """The peer's address, for the record."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def proxied_name(request: HttpRequest) -> str:
    """Who a proxy in front says they are; "" where none does. Only proxies that are believed get so far."""
    header: str = settings.VRABEC_CONFIG.proxy_user_header
    return request.headers.get(header, "").strip() if header else ""


def vouched_name(request: HttpRequest) -> tuple[Source, str] | None:
    """Who they are by a proxy's word, or by the certificate that their browser shows."""
    if name := proxied_name(request):
        return Source.PROXY, name
    shown = request.headers.get(CERTIFICATE_HEADER, "") if settings.VRABEC_CONFIG.client_ca else ""
    return (Source.CERTIFICATE, unquote(shown)) if shown else None


def see_other(request: HttpRequest, to: str) -> HttpResponse:
    """After a POST: go to `to`, by 303 or as htmx does it."""
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": to})
    return HttpResponseRedirect(to, status=303)


def _enter(request: PageRequest, *, is_public: bool, exempt: set[str]) -> HttpResponse | None:
    """Put the actor on the request; or an answer that sends elsewhere first."""
    user = request.user
    if not isinstance(user, User):
        return None if is_public else _to_sign_in(request)
    if _is_somebody_else(request):
        logout(request)
        return None if is_public else _to_sign_in(request)
    request.person = user
    request.actor = actor_of(user, address_of(request))
    see_session(request.session, request.actor.address)
    first = _first(request)
    return see_other(request, reverse(first)) if first and not (is_public or first in exempt) else None


def _first(request: PageRequest) -> str:
    """The page that has to be done before any other, or ""."""
    if request.person.must_change_password:
        return "set-password"
    return "second-factor" if request.actor.needs_factor else ""


def _is_somebody_else(request: HttpRequest) -> bool:
    """Whether a proxy's word began the session, and names another one now. Some say it at /sign-in alone."""
    name = proxied_name(request)
    return bool(name) and name != request.session.get(PROXIED, name)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Signed out, perhaps while a page was open: come back to it afterwards where that is possible."""
    wanted = request.get_full_path() if request.method == "GET" and not is_fragment(request) else ""
    query = f"?{urlencode({'next': wanted})}" if wanted not in ("", "/") else ""
    return see_other(request, reverse("sign-in") + query)
