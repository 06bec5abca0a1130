"""A few hosts are read at a time: fifty threads that all want Python's lock spend their time on waking up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

AT_ONCE = 3
"""Hosts that are read at the same time; while one of them answers the next is asked."""


class Turns:
    """So many turns; one that is taken for too long is given to the next by `pass_on`."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = BoundedSemaphore(at_once)
        self._lock = Lock()
        self._holders: set[object] = set()

    @contextmanager
    def turn(self, who: object) -> Iterator[None]:
        """Wait for a turn, and hold it; who has one already goes on."""
        if who in self._holders:
            yield
            return
        self._free.acquire()
        with self._lock:
            self._holders.add(who)
        try:
            yield
        finally:
            self.pass_on(who)

    def pass_on(self, who: object) -> None:
        """End the turn of `who`, if it has one: a host that hangs must keep no other waiting."""
        with self._lock:
            if who in self._holders:
                self._holders.remove(who)
                self._free.release()
