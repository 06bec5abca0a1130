"""The event stream as a program hears it: nothing is asked, everything is told."""

import http.client
import json
import socket
import ssl
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.controller import Controller
from tests.e2e.waiting import wait_until


class Stream:
    """Hears /live/events inside `with`; `events` are (name, data), in order."""

    def __init__(self, controller: Controller) -> None:
        self.events: list[tuple[str, Any]] = []
        trust = ssl.create_default_context(cafile=controller.certificate)
        self._connection = http.client.HTTPSConnection(urlsplit(controller.url).netloc, context=trust)
        self._headers = {"Authorization": f"Bearer {controller.token}"}
        self._thread = Thread(target=self._hear, name="stream")

    def __enter__(self) -> Self:
        self._connection.request("GET", "/live/events", headers=self._headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self._thread.start()
        wait_until(lambda: self.events, "the stream says hello")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()

    def wait_for_state(self, vm_id: int, state: str) -> None:
        """Until the machine's newest cell has this state."""
        wait_until(lambda: self.state(vm_id) == state, f"machine {vm_id} is told to be {state}")

    def state(self, vm_id: int) -> str:
        """The machine's state as told last, "" before it is told."""
        told = [cell for _, data in self._named("cells") for cell in data["vm"] if cell["id"] == vm_id]
        return str(told[-1]["state"]) if told else ""

    def wait_for(self, name: str, vm_id: int) -> None:
        """Until machine is told to be "new" or "gone"."""
        wait_until(lambda: vm_id in self.ids(name), f"machine {vm_id} is told to be {name}")

    def ids(self, name: str) -> list[int]:
        """The machines told to be "new" or "gone"."""
        return [vm_id for _, data in self._named(name) for vm_id in data["vm"]]

    def _named(self, name: str) -> list[tuple[str, Any]]:
        return [event for event in list(self.events) if event[0] == name]

    def _hear(self) -> None:
        name = ""
        with suppress(OSError, ValueError, http.client.HTTPException):
            while line := self._answer.readline().decode():
                word, _, rest = line.strip().partition(": ")
                if word == "event":
                    name = rest
                elif word == "data":
                    self.events.append((name, json.loads(rest)))
