"""Entry point of the web process: pages, REST, event stream and consoles on one TLS port."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

from vrabec.config.answers import Answers
from vrabec.config.edge import Asgi, Certified, Edge, Receive, Scope, Send
from vrabec.config.renewal import renewed
from vrabec.config.supervisor import die_with_parent

if TYPE_CHECKING:
    from uvicorn import Server

    from vrabec.config.files import Config
    from vrabec.frontends.live.app import Live

PAGE_THREADS = 2
SIGN_IN_THREADS = 4
"""A slow sign-in back end must not stop the pages."""
SIGN_IN_PATHS = ("/sign-in", "/api/v1/login")
WEBSOCKETS: dict[str, Any] = {
    "ws": "websockets-sansio",
    "ws_max_size": 1024 * 1024,
    "ws_per_message_deflate": False,
}
"""Screens are compressed already, and what is typed is short: deflate would only cost."""
MAX_BODY_BYTES = 1024 * 1024
MAX_DRAINED_BYTES = 64 * 1024 * 1024


class Web:
    """Sends each request to the live routes or to Django in one of two fixed thread pools."""

    def __init__(self, live: Live, pages: Asgi, sign_in: Asgi) -> None:
        self._live = live
        self._pages = pages
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] == "websocket" or scope["path"].startswith("/live/"):
            return await self._live(scope, receive, send)
        if _declared_length(scope) > MAX_BODY_BYTES:
            return await _too_large(receive, send)
        app = self._sign_in if scope["path"].startswith(SIGN_IN_PATHS) else self._pages
        return await app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._live.hub.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._live.hub.stop()
        await send({"type": "lifespan.shutdown.complete"})


def _declared_length(scope: Scope) -> int:
    """The body's length. Chunked bodies are refused as too large: no client of ours sends them."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return MAX_BODY_BYTES + 1
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _too_large(receive: Receive, send: Send) -> None:
    """Read what comes, up to a limit, before answering: most clients do not listen while they send."""
    drained, more = 0, True
    while more and drained < MAX_DRAINED_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b'{"error": {"code": "too_large", "message": "The body is larger than 1 MiB."}}'
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application() -> Web:
    """The ASGI application; Django is set up already."""
    from django.core.wsgi import get_wsgi_application

    from vrabec.frontends.live.app import Live

    wsgi: Any = get_wsgi_application()
    set_aside()
    pages, sign_in = (Answers(wsgi, workers=threads) for threads in (PAGE_THREADS, SIGN_IN_THREADS))
    return Web(Live(), pages, sign_in)


def _behind(app: Asgi, proxies: tuple[str, ...]) -> Asgi:
    """The application, told who calls by the proxies that are trusted to say so."""
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    wrapped: Any = ProxyHeadersMiddleware(app, list(proxies)) if proxies else app  # type: ignore[arg-type]
    return wrapped  # type: ignore[no-any-return]


def set_aside() -> None:
    """Load all views, and look for garbage in nothing of what is loaded: pages wait 80 ms for each look."""
    from django.urls import resolve

    resolve("/")
    gc.collect()
    gc.freeze()


def main(parent: int) -> None:
    """Serve until SIGTERM."""
    die_with_parent(parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")
    import django
    import uvicorn
    import uvloop

    django.setup()
    from django.conf import settings

    config = settings.VRABEC_CONFIG
    serving = uvicorn.Config(
        Edge(
            _behind(application(), config.trusted_proxies), config.proxy_user_header, config.proxy_user_from
        ),
        host=config.listen,
        port=config.port,
        ssl_certfile=config.certificate_path,
        ssl_keyfile=str(config.certificate_key_path),
        ssl_ca_certs=config.client_ca or None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if config.client_ca else ssl.CERT_NONE,
        http=Certified if config.client_ca else "h11",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # by default it believes whatever a program on this machine says of who calls
        timeout_graceful_shutdown=3,
        **WEBSOCKETS,
    )
    uvloop.run(_serve(uvicorn.Server(serving), config))


async def _serve(server: Server, config: Config) -> None:
    """Serve, with the certificate that is there now."""
    server.config.load()
    assert server.config.ssl  # noqa: S101 - there is always a certificate
    renewing = asyncio.create_task(
        renewed(server.config.ssl, config.certificate_path, config.certificate_key_path)
    )
    telling = asyncio.create_task(_told_when_ready(server))
    try:
        await server.serve()
    finally:
        renewing.cancel()
        telling.cancel()


async def _told_when_ready(server: Server) -> None:
    """Tell systemd when the port answers, sd_notify(3): what waits for the service goes on then."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where is None:
        return
    while not server.started:
        await asyncio.sleep(0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", where.replace("@", "\0", 1))


if __name__ == "__main__":
    main(int(sys.argv[1]))
