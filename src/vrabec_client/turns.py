"""A TLS connection that one thread may read while another writes."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Lock
from typing import Any

LOOK_SECONDS = 1.0


class TakesTurns:
    """Lets one thread at a time into OpenSSL, and none wait there for the network.

    A connection of OpenSSL's is for one thread. Of two, one that reads a session ticket while the other sends
    its first words can swallow them: two consoles in a thousand did not open.
    """

    def __init__(self, line: ssl.SSLSocket) -> None:
        line.setblocking(False)
        self._line = line
        self._turn = Lock()
        self._seconds: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def settimeout(self, seconds: float | None) -> None:
        """How long sending may take; None is as long as it takes."""
        self._seconds = seconds

    def recv(self, size: int) -> bytes:
        """What has come, at most `size` bytes; nothing at the end."""
        while True:
            with self._turn, suppress(ssl.SSLWantReadError):
                return self._line.recv(size)
            self._waits(EVENT_READ, LOOK_SECONDS)  # ValueError once it is closed

    def sendall(self, data: bytes) -> None:
        """Send all of it. Raises TimeoutError when nothing can be sent for so long."""
        rest = memoryview(data)
        while rest:
            with self._turn, suppress(ssl.SSLWantWriteError):
                rest = rest[self._line.send(rest) :]
                continue
            if not self._waits(EVENT_WRITE, self._seconds):
                raise TimeoutError("the other side takes nothing")

    def close(self) -> None:
        """Wake whoever waits, then close."""
        with suppress(OSError):
            socket.socket.shutdown(self._line, socket.SHUT_RDWR)
        with self._turn:
            self._line.close()

    def _waits(self, event: int, seconds: float | None) -> bool:
        with DefaultSelector() as selector:
            selector.register(self._line, event)
            return bool(selector.select(seconds))
