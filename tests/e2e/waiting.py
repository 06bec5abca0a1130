"""Waiting with a generous limit: never for a time to pass, always for something to be so."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE_SECONDS = 600.0
"""Guests are emulated, and others may use the machine."""
T = TypeVar("T")


def wait_until(
    look: Callable[[], T], what: str, *, seconds: float = PATIENCE_SECONDS, pause: float = 0.05
) -> T:
    """What `look` gives once that is true. Raises TimeoutError, which says `what` and what was seen last."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}; seen last: {found!r}")
        time.sleep(pause)
    return found
