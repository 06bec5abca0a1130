"""The gate in front of every live route: who asks, from which page, and with which rights.

Live routes bypass Django's middleware, so everything it would check is checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.request import validate_host

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden, Unauthenticated
from vrabec.models.jobs import Job
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services.people import actor_of
from vrabec.services.permissions import Rights, all_rights, require
from vrabec.services.session_store import SessionStore
from vrabec.services.tokens import actor_of_token


@dataclass(frozen=True)
class Caller:
    """What the headers of a request say, before anything is believed."""

    host: str = ""
    origin: str = ""
    cookie: str = ""
    authorization: str = ""
    address: str = ""

    @staticmethod
    def of(scope: dict[str, object]) -> Caller:
        """Read an ASGI scope."""
        pairs: list[tuple[bytes, bytes]] = scope.get("headers", [])  # type: ignore[assignment]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        client: tuple[str, int] | None = scope.get("client")  # type: ignore[assignment]
        return Caller(
            host=headers.get("host", ""),
            origin=headers.get("origin", ""),
            cookie=headers.get("cookie", ""),
            authorization=headers.get("authorization", ""),
            address=client[0] if client else "",
        )


@dataclass
class Viewer:
    """A caller let in: the actor and what they may look at; asked again every half minute."""

    actor: Actor
    rights: Rights

    def sees(self, vm: Vm) -> bool:
        """Whether this machine is for them."""
        return self.rights.may("vm.view", vm)

    def sees_job(self, job: Job) -> bool:
        """Whether this job is for them; its machine and host are in memory."""
        return job.created_by_id == self.actor.user_id or self.rights.may("job.view", job)


def admit(caller: Caller, action: str) -> Viewer:
    """Let `caller` in for `action`; reads the database. Raises Unauthenticated, Forbidden."""
    actor = identify(caller)
    require(actor, action)
    return Viewer(actor, all_rights(actor))


def identify(caller: Caller) -> Actor:
    """Who `caller` is, by session or token; reads the database. Raises Unauthenticated, Forbidden."""
    if not validate_host(urlsplit(f"//{caller.host}").hostname or "", settings.ALLOWED_HOSTS):
        raise Forbidden("This controller does not go by that name.")
    if caller.origin and urlsplit(caller.origin).netloc != caller.host:
        raise Forbidden("The request comes from another site.")
    scheme, _, token = caller.authorization.partition(" ")
    if scheme.lower() == "bearer":
        return actor_of_token(token.strip(), caller.address)
    user = _user(caller)
    if user is None or user.must_change_password:
        raise Unauthenticated("Sign in first.")
    actor = actor_of(user, caller.address)
    if actor.needs_factor:
        raise Unauthenticated("Set up a second factor first.")
    return actor


def _user(caller: Caller) -> User | None:
    request = HttpRequest()
    request.session = SessionStore(_session_key(caller.cookie))
    found = get_user(request)
    return found if isinstance(found, User) and found.is_active else None


def _session_key(header: str) -> str | None:
    try:
        cookies = SimpleCookie(header)
    except CookieError:
        return None
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    return morsel.value if morsel else None
