"""The hub: hears which rows changed, reads them once, and gives each viewer the cells they may see."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import orjson
from django.db import DatabaseError, connection

from vrabec.frontends.live.gate import Viewer
from vrabec.lib import wire
from vrabec.models.changes import web_socket
from vrabec.models.vms import Vm
from vrabec.services import cells
from vrabec.services.permissions import may

logger = logging.getLogger(__name__)
T = TypeVar("T")

FLUSH_SECONDS = 0.1
"""Cells leave at most this often; the first change after a quiet time leaves at once."""
HEARTBEAT_SECONDS = 15.0
ASK_AGAIN_SECONDS = 30.0
"""So often every open stream and console is asked for its right, and whenever rights change."""
QUEUE_MESSAGES = 200
"""A viewer this far behind is dropped; the browser connects again and refreshes."""


class Stream:
    """One viewer's queue of messages."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MESSAGES)

    def put(self, message: bytes | None) -> None:
        """Queue a message, or None for the end; a full queue ends the stream."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def messages(self) -> AsyncIterator[bytes]:
        """Messages until the end, with a heartbeat comment where there are none."""
        while True:
            try:
                message = await asyncio.wait_for(self._queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if message is None:
                return
            yield message


class Hub:
    """One a web process. All but the database reads runs on the event loop."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self.asking: set[asyncio.Event] = set()
        self._dirty: dict[str, set[int]] = {}
        self._woken = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub")
        self._newest_vm = 0
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen for changes."""
        self._newest_vm = await self.read(_newest_vm)
        self._socket = wire.listen(web_socket())
        asyncio.get_running_loop().add_reader(self._socket, self._receive)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End every stream and stop listening."""
        for stream in list(self.streams):
            stream.put(None)
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        self._thread.shutdown(wait=False)

    async def rights_changed(self, seconds: float) -> None:
        """Return when somebody's rights have changed, or after `seconds`."""
        changed = asyncio.Event()
        self.asking.add(changed)
        try:
            await asyncio.wait_for(changed.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self.asking.discard(changed)

    async def read(self, work: Callable[[], T]) -> T:
        """Run `work`, which reads the database, in the hub's own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, guarded, work)

    def _receive(self) -> None:
        assert self._socket is not None  # noqa: S101 - the reader is registered after the socket
        for _ in range(1000):
            try:
                message = self._socket.recv(1 << 17)
            except BlockingIOError:
                break
            for kind, row_id in orjson.loads(message):
                self._dirty.setdefault(kind, set()).add(row_id)
        if self._dirty.pop("grant", None):
            for changed in self.asking:
                changed.set()
        self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            dirty, self._dirty = self._dirty, {}
            if self.streams and dirty:
                try:
                    await self._flush(dirty)
                except DatabaseError:
                    logger.exception("the live cells could not be read")
            await asyncio.sleep(FLUSH_SECONDS)

    async def _flush(self, dirty: dict[str, set[int]]) -> None:
        vm_ids = dirty.get("vm", set())
        vms = await self.read(lambda: cells.vm_cells(vm_ids)) if vm_ids else []
        jobs = await self.read(lambda: cells.job_cells(dirty["job"])) if "job" in dirty else []
        hosts = await self.read(lambda: cells.host_cells(dirty["host"])) if "host" in dirty else []
        new = {row_id for row_id in vm_ids if row_id > self._newest_vm}
        self._newest_vm = max([self._newest_vm, *new])
        for stream in list(self.streams):
            for message in _messages(stream.viewer, vms, jobs, hosts, new):
                stream.put(message)


def _messages(viewer: Viewer, vms: Any, jobs: Any, hosts: Any, new: set[int]) -> list[bytes]:
    mine = [cell for vm, cell in vms if viewer.sees(vm)]
    said = {
        "vm": [cell for cell in mine if not cell["gone"]],
        "job": [cell for job, cell in jobs if viewer.sees_job(job)],
        "host": hosts if may(viewer.actor, "host.view") else [],
    }
    gone = [cell["id"] for cell in mine if cell["gone"]]
    fresh = [cell["id"] for cell in said["vm"] if cell["id"] in new]
    return [
        *([event("cells", said)] if any(said.values()) else []),
        *([event("gone", {"vm": gone})] if gone else []),
        *([event("new", {"vm": fresh})] if fresh else []),
    ]


def event(name: str, data: Any) -> bytes:
    """One server-sent event (WHATWG HTML, "Server-sent events")."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _newest_vm() -> int:
    return Vm.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def guarded(work: Callable[[], T]) -> T:
    """Run `work`; a database that failed it is connected to anew the next time."""
    try:
        return work()
    except DatabaseError:
        connection.close()
        raise
