"""Consoles: a browser's WebSocket joined to the console process.

What is refused before anything opens is an HTTP answer. Later the socket closes with 4000 + the error's HTTP
status, and "code: sentence" as the reason.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.conf import settings

from vrabec.frontends.live import hub
from vrabec.frontends.live.gate import Caller, identify
from vrabec.frontends.live.hub import Hub, guarded
from vrabec.lib import tunnel
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, NotFound, Unavailable, VrabecError
from vrabec.lib.tunnel import Wanted
from vrabec.services.consoles import may_watch, use_ticket

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
T = TypeVar("T")

PROTOCOL, TICKET = "vrabec.console", "ticket."
"""A client offers two subprotocols: the first, and the second followed by its ticket; so no log sees that."""
RECEIVE_BYTES = 256 * 1024
REASON_BYTES = 123
"""The longest reason a close frame holds (RFC 6455, 5.5)."""
_PATH = re.compile(r"/live/consoles/(\d{1,18})/(\w{1,10})", re.ASCII)


@dataclass(frozen=True)
class Visit:
    """One WebSocket, once it was let in."""

    caller: Caller
    actor: Actor
    vm_id: int
    wanted: Wanted


class Consoles:
    """Answers the console route. Its threads write tickets, which the hub's readers must not wait for."""

    def __init__(self, changes: Hub) -> None:
        self._changes = changes
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="consoles")

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket from its opening to its end."""
        await receive()
        try:
            visit = await self._ask(lambda: _enter(scope))
        except VrabecError as error:
            return await _refuse(send, error)
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        with suppress(RuntimeError, OSError):  # the browser was faster with its end
            try:
                await self._serve(visit, receive, send)
            except VrabecError as error:
                await _close(send, _for_eyes(error, visit.actor))
        return None

    async def _serve(self, visit: Visit, receive: Receive, send: Send) -> None:
        with await _join(visit.wanted) as line:
            await send({"type": "websocket.send", "bytes": b""})  # it is open, even if it never says a word
            ways = [_type(receive, line), _show(line, send), self._watch(visit)]
            tasks = [asyncio.create_task(way) for way in ways]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, VrabecError):
                    raise ended

    async def _watch(self, visit: Visit) -> None:
        """Ask again for the right. Raises what it was withdrawn by."""
        while True:
            await self._changes.rights_changed(hub.ASK_AGAIN_SECONDS)
            await self._ask(lambda: may_watch(identify(visit.caller), vm_id=visit.vm_id))

    async def _ask(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded, work)


def _enter(scope: Scope) -> Visit:
    """The gate: site, session, right and ticket. Raises NotFound, Unauthenticated, Forbidden, WrongState."""
    caller = Caller.of(scope)
    actor = identify(caller)
    found = _PATH.fullmatch(scope["path"])
    if not found:
        raise NotFound("There is nothing here.")
    offered = [name for name in scope.get("subprotocols", ()) if name.startswith(TICKET)]
    secret = offered[0].removeprefix(TICKET) if offered else ""
    vm_id = int(found[1])
    return Visit(caller, actor, vm_id, use_ticket(actor, secret=secret, vm_id=vm_id, kind=found[2]))


async def _join(wanted: Wanted) -> socket.socket:
    """The console's line. Raises what the console process answers, Unavailable when there is none."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as desk:
        desk.setblocking(False)
        try:
            await loop.sock_connect(desk, str(tunnel.socket_in(settings.VRABEC_RUN_DIR)))
            await loop.sock_sendall(desk, tunnel.ask(wanted))
            return await _answer(desk)
        except OSError as error:
            why = str(error)
            raise Unavailable("The console process starts again just now: try again.", raw=why) from error


async def _answer(desk: socket.socket) -> socket.socket:
    """The socket in the answer, which is one message: both come at once."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(desk, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(desk)
    said, descriptors, _, _ = socket.recv_fds(desk, tunnel.MAX_LINE_BYTES, 1)
    tunnel.check_answer(said)
    line = socket.socket(fileno=descriptors[0])
    line.setblocking(False)
    return line


async def _type(receive: Receive, line: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while (message := await receive())["type"] == "websocket.receive":
        typed = message.get("bytes") or (message.get("text") or "").encode()
        try:
            await loop.sock_sendall(line, typed)
        except ConnectionError as error:
            raise Unavailable("The console has ended.") from error


async def _show(line: socket.socket, send: Send) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):  # QEMU was killed
        while shown := await loop.sock_recv(line, RECEIVE_BYTES):
            await send({"type": "websocket.send", "bytes": shown})
    raise Unavailable("The console has ended.")


def _for_eyes(error: VrabecError, actor: Actor) -> VrabecError:
    """Who has a serial console is for administrators to know."""
    if isinstance(error, Conflict) and actor.is_administrator and error.params.get("who"):
        return Conflict("%(who)s has the serial console open.", who=error.params["who"])
    return error


async def _close(send: Send, error: VrabecError) -> None:
    reason = f"{error.code}: {error.message}".encode()[:REASON_BYTES].decode(errors="ignore")
    await send({"type": "websocket.close", "code": 4000 + error.status, "reason": reason})


async def _refuse(send: Send, error: VrabecError) -> None:
    body = orjson.dumps({"error": {"code": error.code, "message": error.message}})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    with suppress(RuntimeError):
        await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
