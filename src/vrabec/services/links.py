"""When lines of the record are linked (chain.py) and forwarded: as soon as their transaction is committed.

To link them inside would let one transaction wait for another, however long that takes. Where jobs run, a
thread of its own does it, so that no job waits for the link of another one's line.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Event, Thread

from django.db import Error, connection, transaction

from vrabec.models.audit import Audit
from vrabec.services.chain import link
from vrabec.services.forward import forward

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0
"""Between tries while the database does not take a link."""


def link_on_commit(line: Audit) -> None:
    """Link `line` once its transaction is committed, with the others of the same transaction."""
    for entry in connection.run_on_commit:
        waiting = getattr(entry[1], "__self__", None)
        if isinstance(waiting, _Linking):
            waiting.ids.append(line.pk)
            return
    transaction.on_commit(_Linking([line.pk]).run, robust=True)


class _Linking:
    """What waits for the end of a transaction."""

    def __init__(self, ids: list[int]) -> None:
        self.ids = ids

    def run(self) -> None:
        """Link and forward them, or let it be done: what an inner transaction took back is not there."""
        work = next((beside.take for beside in _BESIDE), _link)
        work(self.ids)


def _link(ids: Sequence[int]) -> None:
    link(ids)
    forward(ids)


@contextmanager
def linked_beside() -> Iterator[None]:
    """Inside, a thread links the lines of this process; at the end those that still wait are linked."""
    beside = _Beside()
    beside.start()
    _BESIDE.append(beside)
    try:
        yield
    finally:
        _BESIDE.remove(beside)
        beside.stop()


class _Beside(Thread):
    """Links what has come since it last did, in one transaction.

    What it has not linked when Vrabec is killed, the next start links (chain.py:link_rest).
    """

    def __init__(self) -> None:
        super().__init__(name="record", daemon=True)
        self._waiting: SimpleQueue[Sequence[int]] = SimpleQueue()
        self._stopping = Event()

    def take(self, ids: Sequence[int]) -> None:
        """Link these lines soon."""
        self._waiting.put(ids)

    def stop(self) -> None:
        """Link what waits, and end."""
        self._stopping.set()
        self.take([])
        self.join()

    def run(self) -> None:
        """Until it is stopped, and nothing waits."""
        while not self._stopping.is_set() or not self._waiting.empty():
            ids = [*self._waiting.get(), *self._others()]
            while not self._linked(ids) and not self._stopping.wait(PAUSE_SECONDS):
                pass
        connection.close()

    def _others(self) -> Iterator[int]:
        while True:
            try:
                yield from self._waiting.get_nowait()
            except Empty:
                return

    def _linked(self, ids: Sequence[int]) -> bool:
        try:
            _link(ids)
        except (Error, OSError):
            logger.exception("lines of the record wait for their link")
            connection.close()
            return False
        return True


_BESIDE: list[_Beside] = []
"""The thread of this process, where it has one."""
