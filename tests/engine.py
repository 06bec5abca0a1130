"""An engine in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from django.db import connection

from vrabec.jobs.engine import Engine


@contextmanager
def running(threads: int = 4) -> Iterator[Engine]:
    """It works on jobs inside `with`."""
    engine = Engine(threads)
    thread = Thread(target=_run, args=[engine], name="engine")
    thread.start()
    try:
        yield engine
    finally:
        engine.stop()
        thread.join()


def _run(engine: Engine) -> None:
    try:
        engine.run()
    finally:
        connection.close()
