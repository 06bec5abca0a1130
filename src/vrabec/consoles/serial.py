"""One serial line for one reader: libvirt's thread speaks, the event loop listens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any

from vrabec.hypervisor.connection import HostConnection, open_host
from vrabec.hypervisor.console import SerialLine
from vrabec.lib.errors import VrabecError
from vrabec.lib.tunnel import Wanted

TYPED_BYTES = 16 * 1024
MAX_BEHIND_BYTES = 8 * 1024 * 1024
"""A reader so far behind is let go: libvirt cannot make the machine wait, so the rest would pile up here."""


class SerialSession:
    """A line from its opening to its end; `threads` do what may hang."""

    def __init__(self, threads: Executor) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = threads
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        self._behind = 0
        self._host: HostConnection | None = None
        self._line: SerialLine | None = None

    async def open(self, wanted: Wanted) -> None:
        """Open it. Raises what SerialLine raises, and Unavailable."""
        opening = self._loop.run_in_executor(self._threads, self._open, wanted)
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])  # a call that is under way cannot be stopped, only closed after it
            raise

    def _open(self, wanted: Wanted) -> None:
        self._host = open_host(wanted.uri)
        self._line = SerialLine(self._host, wanted.uuid, self._hear, take=wanted.take)

    async def carry(self, reader: socket.socket) -> None:
        """Carry bytes both ways until either side ends."""
        await _first_of(self._to(reader), self._from(reader))

    async def close(self) -> None:
        """Give the line and its connection back."""
        await self._loop.run_in_executor(self._threads, self._close)

    def _close(self) -> None:
        if self._line:
            self._line.close()
        if self._host:
            self._host.close()

    def _hear(self, data: bytes) -> None:
        self._loop.call_soon_threadsafe(self._take, data)

    def _take(self, data: bytes) -> None:
        self._behind += len(data)
        self._said.put_nowait(data if self._behind <= MAX_BEHIND_BYTES else b"")

    async def _to(self, reader: socket.socket) -> None:
        while data := await self._said.get():
            await self._loop.sock_sendall(reader, data)
            self._behind -= len(data)

    async def _from(self, reader: socket.socket) -> None:
        assert self._line is not None  # noqa: S101 - carried after it was opened
        with suppress(VrabecError):  # said by the next try: the host is gone, or the machine
            while data := await self._loop.sock_recv(reader, TYPED_BYTES):
                await self._loop.run_in_executor(self._threads, partial(self._line.send, data))


async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Until the first of `ways` ends; the others are cancelled. A line that breaks is an end, too."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, OSError):
                await task
