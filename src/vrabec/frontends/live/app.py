"""The live routes as one ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from vrabec import __version__
from vrabec.frontends.live import hub
from vrabec.frontends.live.console import Consoles
from vrabec.frontends.live.gate import Caller, admit
from vrabec.frontends.live.hub import Hub, Stream, event
from vrabec.lib.errors import NotFound, VrabecError

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

EVENTS, CONSOLE = "/live/events", "/live/consoles/{vm_id}/{kind}"
ROUTES = {EVENTS: "events.view", CONSOLE: "vm.console"}
"""Path and action of every live route; the matrix test enumerates them."""
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Live:
    """Answers /live/…; one hub for all streams."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.consoles = Consoles(self.hub)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            return await self.consoles.answer(scope, receive, send)
        try:
            if scope["path"] != EVENTS or scope["method"] != "GET":
                raise NotFound("There is nothing here.")
            await self._events(Caller.of(scope), receive, send)
        except VrabecError as error:
            await _refuse(send, error)

    async def _events(self, caller: Caller, receive: Receive, send: Send) -> None:
        action = ROUTES[EVENTS]
        stream = Stream(await self.hub.read(lambda: admit(caller, action)))
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        self.hub.streams.add(stream)
        stream.put(event("hello", {"version": __version__}))
        watchers = [
            asyncio.create_task(self._ask_again(caller, action, stream)),
            asyncio.create_task(_until_gone(receive, stream)),
        ]
        try:
            async for message in stream.messages():
                await send({"type": "http.response.body", "body": message, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.hub.streams.discard(stream)
            for task in watchers:
                task.cancel()

    async def _ask_again(self, caller: Caller, action: str, stream: Stream) -> None:
        """End the stream when the right to it is withdrawn; take over grants that changed."""
        while True:
            await self.hub.rights_changed(hub.ASK_AGAIN_SECONDS)
            try:
                stream.viewer = await self.hub.read(lambda: admit(caller, action))
            except VrabecError:
                stream.put(event("ended", {}))
                stream.put(None)
                return


async def _until_gone(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.put(None)


async def _refuse(send: Send, error: VrabecError) -> None:
    body = orjson.dumps({"error": {"code": error.code, "message": error.message}})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    with contextlib.suppress(RuntimeError):
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
