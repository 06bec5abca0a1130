"""The live application for the length of a test, which leaves no connection to the database open."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from asgiref.sync import sync_to_async
from django.db import connection

from vrabec.frontends.live.app import Live


class Threads(ThreadPoolExecutor):
    """Each closes its connection at the end: left open, it keeps PostgreSQL's database from being dropped."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: D102
        if not self._shutdown:
            together = Barrier(self._max_workers)
            for _ in range(self._max_workers):
                self.submit(_close_each, together)
        super().shutdown(cancel_futures=cancel_futures)


def play(check: Callable[[Live], Awaitable[None]]) -> None:
    """Run `check` against a live application that hears changes."""

    async def run() -> None:
        live = Live()
        live.hub._thread, live.consoles._threads = Threads(1), Threads(2)
        await live.hub.start()
        try:
            await check(live)
        finally:
            await live.hub.stop()
            live.consoles._threads.shutdown()
            await sync_to_async(_close)()

    asyncio.run(run())


def _close_each(together: Barrier) -> None:
    together.wait()  # so that no thread has two of these, and another none
    _close()


def _close() -> None:
    connection.close()
