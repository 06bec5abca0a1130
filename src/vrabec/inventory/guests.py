"""Asks guests whether they are ready and for their addresses, through their agents; takes their screens.

On a connection and thread of its own: an agent may take seconds, and the host's events must not wait.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from django.db import Error, connection

from vrabec.hypervisor import agent, screen
from vrabec.hypervisor import connection as door
from vrabec.hypervisor.connection import HostConnection
from vrabec.inventory.writer import Writer
from vrabec.lib.errors import NotFound, VrabecError
from vrabec.services.facts import write_vm
from vrabec.services.screens import write_screen

logger = logging.getLogger(__name__)

PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Between tries: the address may come later than the agent."""


@dataclass(order=True)
class _Ask:
    due: float
    uuid: str = field(compare=False)
    vm_id: int = field(compare=False)
    tries: int = field(compare=False, default=0)


class Guests(Thread):
    """The thread that talks to the agents of one host's guests."""

    def __init__(self, host_id: int, way: Callable[[], str], writer: Writer) -> None:
        super().__init__(name=f"guests {host_id}", daemon=True)
        self._way = way
        self._writer = writer
        self._answered: set[str] = set()
        self._incoming: SimpleQueue[tuple[str, int, bool | None] | None] = SimpleQueue()
        self._asks: list[_Ask] = []
        self._host: HostConnection | None = None

    def heed(self, uuid: str, vm_id: int | None, connected: bool) -> None:
        """A machine was seen, with its agent connected or not."""
        if vm_id:
            self._incoming.put((uuid, vm_id, connected))

    def take_screen(self, uuid: str, vm_id: int) -> None:
        """Somebody wants a picture of the machine's screen."""
        self._incoming.put((uuid, vm_id, None))

    def stop(self) -> None:
        """End the thread soon."""
        self._incoming.put(None)

    def run(self) -> None:
        """Ask until stopped."""
        while self._take(self._pause()):
            while self._asks and self._asks[0].due <= time.monotonic():
                self._work(heapq.heappop(self._asks))
        self._drop()
        connection.close()

    def _pause(self) -> float | None:
        return max(0.0, self._asks[0].due - time.monotonic()) if self._asks else None

    def _take(self, seconds: float | None) -> bool:
        try:
            item = self._incoming.get(timeout=seconds)
        except Empty:
            return True
        if item is None:
            return False
        uuid, vm_id, connected = item
        if connected is None:
            self._take_screen(uuid, vm_id)
            return True
        waits = any(ask.uuid == uuid for ask in self._asks)
        if connected and not waits:
            heapq.heappush(self._asks, _Ask(time.monotonic(), uuid, vm_id))
        if not connected:
            self._forget(uuid, vm_id, waits=waits)
        return True

    def _forget(self, uuid: str, vm_id: int, *, waits: bool) -> None:
        """Its agent is gone. The look that saw it has said so, but an answer may have come in between."""
        if waits:
            self._asks = [ask for ask in self._asks if ask.uuid != uuid]
            heapq.heapify(self._asks)
        if uuid in self._answered:
            self._answered.remove(uuid)
            self._write(vm_id, is_ready=False)

    def _write(self, vm_id: int, **columns: Any) -> None:
        self._writer.do(lambda: write_vm(vm_id, **columns))

    def _work(self, ask: _Ask) -> None:
        try:
            done = self._ask(ask)
        except NotFound:
            done = True
        except VrabecError as error:
            logger.info("guest %s: %s", ask.vm_id, error)
            self._drop()
            done = False
        except Error:
            logger.exception("guest %s", ask.vm_id)
            connection.close()
            done = False
        if not done and ask.tries + 1 < len(PAUSES_SECONDS):
            due = time.monotonic() + PAUSES_SECONDS[ask.tries + 1]
            heapq.heappush(self._asks, _Ask(due, ask.uuid, ask.vm_id, ask.tries + 1))

    def _take_screen(self, uuid: str, vm_id: int) -> None:
        try:
            write_screen(vm_id, screen.picture(self._connected(), uuid))
        except VrabecError as error:
            logger.info("screen of %s: %s", vm_id, error)
            self._drop()
        except Error:
            logger.exception("screen of %s", vm_id)
            connection.close()

    def _connected(self) -> HostConnection:
        if self._host is None:
            self._host = door.open_host(self._way())
        return self._host

    def _ask(self, ask: _Ask) -> bool:
        """Whether all is known: the agent answers, and there is an address."""
        host = self._connected()
        if not agent.ping(host, ask.uuid):
            return False
        self._answered.add(ask.uuid)
        self._write(ask.vm_id, is_ready=True)
        addresses = agent.addresses(host, ask.uuid) or agent.lease_addresses(host, ask.uuid)
        if addresses:
            self._write(ask.vm_id, address=addresses[0])
        return bool(addresses)

    def _drop(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None
