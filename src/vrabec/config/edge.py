"""The outermost layer of the port: what a caller's own connection says of who they are.

Headers by which we are told who somebody is are taken from whom we believe alone, and from nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote

from uvicorn.protocols.http.h11_impl import H11Protocol

from vrabec.lib.headers import CERTIFICATE_HEADER

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Certified(H11Protocol):
    """Connections whose callers may show a certificate; TLS has refused those of other authorities."""

    def connection_made(self, transport: Any) -> None:
        """Read the name in it once, for all requests of the connection."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if name := _common_name(tls.getpeercert() if tls else None):
            self.app = partial(_certified, self.app, name)


async def _certified(app: Asgi, name: str, scope: Scope, receive: Receive, send: Send) -> None:
    await app({**scope, "certificate": name}, receive, send)


def _common_name(certificate: Any) -> str:
    parts = (certificate or {}).get("subject", ())
    return next((str(value) for part in parts for key, value in part if key == "commonName"), "")


class Edge:
    """Drops `header` from every request but those that come straight from one of `believed`.

    Whose certificate was shown stands in a header as well, which nobody else's word ever makes.

    WSGI does not tell X_Remote_User from X-Remote-User, and some proxies pass the first on: all that would
    read alike count as one, and a second one is one too many.
    """

    def __init__(self, app: Asgi, header: str, believed: tuple[str, ...]) -> None:
        self._app = app
        self._header = _alike(header.encode("latin-1"))
        self._believed = tuple(ip_network(one) for one in believed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] != "lifespan":
            told = [name for name, _ in scope["headers"] if _alike(name) == self._header]
            is_good = len(told) == 1 and b"_" not in told[0] and self._is_believed(scope)
            dropped = {_CERTIFICATE} if is_good else {_CERTIFICATE, self._header}
            headers = [(name, value) for name, value in scope["headers"] if _alike(name) not in dropped]
            if shown := scope.get("certificate"):
                headers.append((_CERTIFICATE, quote(shown).encode()))
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)

    def _is_believed(self, scope: Scope) -> bool:
        try:
            peer = ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(peer in network for network in self._believed)


_CERTIFICATE = CERTIFICATE_HEADER.lower().encode()


def _alike(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-")
