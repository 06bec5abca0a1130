"""Who asks: a bearer token, or the browser's session with its CSRF token; and what each route needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest
from ninja.operation import Operation
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import contribute_operation_callback

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden
from vrabec.models.users import User
from vrabec.services.people import actor_of
from vrabec.services.permissions import ACTIONS, require_within
from vrabec.services.session_store import SessionStore
from vrabec.services.sessions import see_session
from vrabec.services.tokens import actor_of_token

View = TypeVar("View", bound=Callable[..., Any])


class BearerToken(HttpBearer):
    """`Authorization: Bearer vrabec_…`."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """The actor the token stands for. Raises Unauthenticated."""
        return actor_of_token(token, address_of(request))


class Session(APIKeyCookie):
    """The browser's session; ninja asks for the CSRF token with everything but GET."""

    param_name = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        """The actor signed in, if any."""
        if not isinstance(request.user, User):
            return None
        if request.user.must_change_password:
            raise Forbidden("Set a password first: open /account/password in the browser.")
        if isinstance(request.session, SessionStore):
            see_session(request.session, address_of(request))
        found = actor_of(request.user, address_of(request))
        require_factor(found)
        return found


def require_factor(found: Actor) -> None:
    """Raise Forbidden where a role of theirs wants a second factor that they have not set up."""
    if found.needs_factor:
        raise Forbidden("Set up a second factor first: open /account/second-factor in the browser.")


AUTH = [BearerToken(), Session()]


def action(name: str) -> Callable[[View], View]:
    """Declare, beside the route, the action it does; the matrix test enumerates them."""
    if name not in ACTIONS:
        raise KeyError(name)

    def mark(view: View) -> View:
        view.action = name  # type: ignore[attr-defined]
        contribute_operation_callback(view, partial(_keep_within, name))
        return view

    return mark


def _keep_within(name: str, operation: Operation) -> None:
    """Refuse a token that is not for this action, before the view is asked."""
    view = operation.view_func

    @wraps(view)
    def kept(request: HttpRequest, **values: Any) -> Any:
        found = getattr(request, "auth", None)
        if isinstance(found, Actor):
            require_within(found, name)
        return view(request, **values)

    operation.view_func = kept


def actor(request: HttpRequest) -> Actor:
    """The actor that AUTH found."""
    found: Actor = request.auth  # type: ignore[attr-defined]
    return found


def address_of(request: HttpRequest) -> str:
    """The peer's address, for the record."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
