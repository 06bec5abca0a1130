"""Listens for the web process, which has asked for rights already, and serves one console a connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vrabec.consoles.serial import SerialSession
from vrabec.hypervisor.connection import open_host
from vrabec.hypervisor.console import open_screen
from vrabec.lib import tunnel
from vrabec.lib.errors import Conflict, VrabecError
from vrabec.lib.tunnel import Wanted

logger = logging.getLogger(__name__)
THREADS = 64
"""Openings and keystrokes that may hang at once: a silent host keeps one for 20 s."""


@dataclass
class Holder:
    """Who has a serial line."""

    who: str
    task: asyncio.Task[None]
    gone: asyncio.Event = field(default_factory=asyncio.Event)


def open_now(wanted: Wanted) -> socket.socket:
    """The screen of the machine on its host. Raises what open_host and open_screen raise."""
    with open_host(wanted.uri) as host:
        return open_screen(host, wanted.uuid)


class Server:
    """Serves consoles on a unix socket at `path`; `screen` opens the ones that show VNC."""

    def __init__(self, path: Path, screen: Callable[[Wanted], socket.socket] = open_now) -> None:
        self._path = path
        self._open_screen = screen
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="console")
        self._holders: dict[tuple[str, str], Holder] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, then give every line back."""
        with _listen(self._path) as listener:
            accepting = asyncio.create_task(self._accept(listener))
            await stop.wait()
            for task in (accepting, *self._tasks):
                task.cancel()
            await asyncio.gather(accepting, *self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            web, _ = await asyncio.get_running_loop().sock_accept(listener)
            web.setblocking(False)
            task = asyncio.create_task(self._serve(web))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, web: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with web, suppress(OSError):
            line = await loop.sock_recv(web, tunnel.MAX_LINE_BYTES)
            if not line:
                return
            wanted = tunnel.asked(line)
            try:
                await (self._serial if wanted.kind == tunnel.SERIAL else self._screen)(web, wanted)
            except VrabecError as error:
                logger.info("no %s console of %s: %s %s", wanted.kind, wanted.uuid, error, error.raw)
                await loop.sock_sendall(web, tunnel.answer(error))

    async def _screen(self, web: socket.socket, wanted: Wanted) -> None:
        """Hand the screen's own socket over: what it shows need not pass through here."""
        opening = asyncio.get_running_loop().run_in_executor(self._threads, self._open_screen, wanted)
        with await opening as screen:
            socket.send_fds(web, [tunnel.answer()], [screen.fileno()])

    async def _serial(self, web: socket.socket, wanted: Wanted) -> None:
        line = (wanted.uri, wanted.uuid)
        while holder := self._holders.get(line):
            if not wanted.take:
                raise Conflict("Somebody has the serial console open.", who=holder.who)
            holder.task.cancel()
            await holder.gone.wait()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this runs in one
        holder = self._holders[line] = Holder(wanted.who, task)
        try:
            await self._hold(web, wanted)
        finally:
            del self._holders[line]
            holder.gone.set()

    async def _hold(self, web: socket.socket, wanted: Wanted) -> None:
        session = SerialSession(self._threads)
        ours, theirs = socket.socketpair()
        try:
            with ours:
                ours.setblocking(False)
                with theirs:
                    await session.open(wanted)
                    socket.send_fds(web, [tunnel.answer()], [theirs.fileno()])
                await session.carry(ours)
        finally:
            await session.close()


def _listen(path: Path) -> socket.socket:
    """A listening socket at `path`, in place of a dead one."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(256)
    path.chmod(0o600)
    listener.setblocking(False)
    return listener
