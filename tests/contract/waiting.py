"""Waiting for what a host does in its own time."""

import time
from collections.abc import Callable


def until(is_it: Callable[[], bool], timeout_s: float = 10) -> None:
    """Return when `is_it`; fails after the timeout."""
    deadline = time.monotonic() + timeout_s
    while not is_it():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
