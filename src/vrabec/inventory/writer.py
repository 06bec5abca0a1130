"""The one thread that writes what hosts say of their machines, for the watches of all hosts.

What comes within 25 ms is one transaction, of about 500 rows at most: fifty hosts that wrote for themselves
would wait for one another's locks, and each for the disk. Who hands work over waits until it is committed, so
that what follows finds the rows; that also slows a host down which says more than can be written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from django.db import connection, transaction

from vrabec.lib.errors import Unavailable

COALESCE_SECONDS = 0.025
MAX_ROWS = 500
LOOK_SECONDS = 1.0
"""So often who waits for an answer looks whether the writer lives."""
Item = TypeVar("Item")
T = TypeVar("T")


@dataclass
class _Work:
    batch: Callable[[list[Any]], list[Any]]
    item: Any
    rows: int
    answer: Future[Any]
    result: Any = None


class Writer(Thread):
    """The thread; it ends with `stop`, after what was handed over before."""

    def __init__(self) -> None:
        super().__init__(name="facts", daemon=True)
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._refuses = False

    def do(self, work: Callable[[], T]) -> T:
        """What `work` gives, once it is committed. Raises as `do_together`."""
        return self.do_together(_each, work, rows=1)

    def do_together(self, batch: Callable[[list[Item]], list[T]], item: Item, *, rows: int) -> T:
        """What `batch` gives for `item`, once it is committed; it writes about so many rows.

        It is called with all items that came for it together: fifty hosts need not ask fifty times. Raises
        what it raised; Unavailable once the writer was stopped, or has died of something that nobody foresaw.
        """
        return self.wait_for(self.hand_over(batch, item, rows=rows))

    def hand_over(self, batch: Callable[[list[Item]], list[T]], item: Item, *, rows: int) -> Future[T]:
        """As `do_together`, without waiting: what is to be given to `wait_for`."""
        if self._refuses:
            raise Unavailable("Vrabec is being stopped.")
        answer: Future[T] = Future()
        self._waiting.put(_Work(batch, item, rows, answer))
        return answer

    def wait_for(self, answer: Future[T]) -> T:
        """What was handed over, once it is committed. Raises as `do_together`."""
        while not wait([answer], LOOK_SECONDS).done:
            if self.ident and not self.is_alive() and not answer.done():
                raise Unavailable("What hosts say is not written any more: restart Vrabec.")
        return answer.result()

    def stop(self) -> None:
        """End the thread soon."""
        self._refuses = True
        self._waiting.put(None)

    def run(self) -> None:
        """Write until stopped."""
        goes_on = True
        while goes_on:
            works, goes_on = self._gather()
            if works:
                self._commit(works)
        connection.close()
        self._refuse_the_rest()

    def _gather(self) -> tuple[list[_Work], bool]:
        """What has come, and whether there will be more."""
        works: list[_Work] = []
        until, rows = None, 0
        while rows < MAX_ROWS:
            try:
                pause = max(0.0, until - time.monotonic()) if until else None
                work = self._waiting.get(timeout=pause)
            except Empty:
                break
            if work is None:
                return works, False
            until = until or time.monotonic() + COALESCE_SECONDS
            works.append(work)
            rows += work.rows
        return works, True

    def _commit(self, works: list[_Work]) -> None:
        """All in one transaction; where that fails each in its own, so that the guilty alone hears of it."""
        try:
            _connect()
            with transaction.atomic():
                for batch in dict.fromkeys(work.batch for work in works):
                    _do([work for work in works if work.batch == batch])
        except Exception as error:  # noqa: BLE001 - who waits gets it; for a dead thread they would wait for ever
            connection.close_if_unusable_or_obsolete()
            if len(works) == 1:
                works[0].answer.set_exception(error)
            else:
                for work in works:
                    self._commit([work])
            return
        for work in works:
            work.answer.set_result(work.result)

    def _refuse_the_rest(self) -> None:
        while not self._waiting.empty():
            if work := self._waiting.get():
                work.answer.set_exception(Unavailable("Vrabec is being stopped."))


def _do(works: list[_Work]) -> None:
    results = works[0].batch([work.item for work in works])
    for work, result in zip(works, results, strict=True):
        work.result = result


def _each(works: list[Callable[[], T]]) -> list[T]:
    return [work() for work in works]


def _connect() -> None:
    """Facts that a power loss takes are seen again: SQLite need not wait for the disk at each commit."""
    if connection.connection is None and connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")
