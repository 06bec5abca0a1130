"""The outermost layer of the port: what a caller's own connection says of who they are.

Headers by which we are told who somebody is are taken from whom we believe alone, and from nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


class Edge:
    """Drops `header` from every request but those that come straight from one of `believed`.

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
            if told and (len(told) > 1 or b"_" in told[0] or not self._is_believed(scope)):
                kept = [(name, value) for name, value in scope["headers"] if _alike(name) != self._header]
                scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)

    def _is_believed(self, scope: Scope) -> bool:
        try:
            peer = ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(peer in network for network in self._believed)


def _alike(name: bytes) -> bytes:
    return name.lower().replace(b"_", b"-")
