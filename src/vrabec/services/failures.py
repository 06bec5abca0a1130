"""Failed tries to sign in: counted so that they stop who guesses, and nobody else.

Nothing here is counted of a name alone: whoever knows a name could lock its person out. In this process's
memory, as one process answers all sign-ins; a restart forgets them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from threading import Lock

from vrabec.lib.actor import Actor
from vrabec.lib.addresses import network_of
from vrabec.lib.errors import TooMany
from vrabec.models.users import User
from vrabec.services.record import record

logger = logging.getLogger(__name__)

MAX_FAILURES = 10
"""Of one name from one address."""
MAX_OF_ADDRESS = 100
"""Of whatever names from one address: a class behind one address mistypes less."""
WINDOW_SECONDS = 300.0
MAX_LINES = 10
LINES_SECONDS = 3600.0
"""So many lines about one account go on record in this time, from however many addresses."""
MAX_KEYS = 10_000


class Tally:
    """Counts by key in a sliding window. Of more than MAX_KEYS the longest quiet are forgotten first."""

    def __init__(self, most: int, seconds: float = WINDOW_SECONDS) -> None:
        self.most = most
        self._seconds = seconds
        self._lock = Lock()
        self._times: dict[str, deque[float]] = {}

    def wait_s(self, key: str) -> int:
        """How long `key` has to wait, 0 for not at all."""
        with self._lock:
            times = self._recent(key)
            return int(times[0] + self._seconds - time.monotonic()) + 1 if len(times) >= self.most else 0

    def add(self, key: str) -> int:
        """Count one more; how many there are now."""
        with self._lock:
            times = self._recent(key)
            times.append(time.monotonic())
            self._times[key] = self._times.pop(key, times)  # to the end: the longest quiet stand first
            while len(self._times) > MAX_KEYS:
                del self._times[next(iter(self._times))]
            return len(times)

    def _recent(self, key: str) -> deque[float]:
        times = self._times.get(key, deque())
        while times and times[0] < time.monotonic() - self._seconds:
            times.popleft()
        return times


class Failures:
    """Failures of a name from an address, and of an address with whatever names."""

    def __init__(self, most: int = MAX_FAILURES, most_of_address: int = MAX_OF_ADDRESS) -> None:
        self._names = Tally(most)
        self._addresses = Tally(most_of_address)
        self._lines = Tally(MAX_LINES, LINES_SECONDS)

    def check(self, name: str, address: str) -> None:
        """Raise TooMany when this name from there, or that address alone, has failed too often."""
        network = network_of(address)
        wait = max(self._names.wait_s(_both(name, network)), self._addresses.wait_s(network))
        if wait:
            raise TooMany("Too many failed tries. Wait %(seconds)s s.", seconds=wait)

    def add(self, name: str, address: str, by: str) -> None:
        """Count one failure, and put it on record where there is an account of this name.

        The first of a name from an address, and the one that makes it wait: not each, and nothing of what
        was typed, as people type passwords into the wrong field.
        """
        network = network_of(address)
        count = self._names.add(_both(name, network))
        if self._addresses.add(network) == self._addresses.most:
            logger.warning("sign-in from %s has to wait: %s failures", address, self._addresses.most)
        if count in (1, self._names.most):
            self._note(name, address, by, count)

    def _note(self, name: str, address: str, by: str, count: int) -> None:
        user = User.objects.filter(username=name.strip().lower()).first()
        if user and self._lines.add(str(user.pk)) <= MAX_LINES:
            nobody = Actor(0, "somebody", address=address)
            record(nobody, "session.refuse", of=user, by=by, tries=count)


def _both(name: str, network: str) -> str:
    return f"{name.strip().lower()[:64]}\n{network}"  # as a directory takes names
