"""What the person at the terminal sees: one line a step with its seconds. All else goes to the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOG_DIR = Path("/var/log/vrabec")
LOG = LOG_DIR / "quickstart.log"
TOTAL = 9
_WIDTH = 46


class Failed(Exception):
    """A step failed; the text is one sentence about what to do."""


class Step:
    """The step that runs."""

    def __init__(self) -> None:
        self.note = ""
        """Said at the end of the line."""


def say(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def log(text: str) -> None:
    """Write a line to the log."""
    with LOG.open("a") as file:
        file.write(f"{time.strftime('%H:%M:%S')} {text.strip()}\n")


@contextmanager
def step(number: int, title: str) -> Iterator[Step]:
    """Print the step, run the body, print its seconds."""
    head = f"[{number}/{TOTAL}] {title}"
    log(f"== {head}")
    sys.stdout.write(f"{head:<{_WIDTH}} ")
    sys.stdout.flush()
    begun, running = time.monotonic(), Step()
    try:
        yield running
    except BaseException:
        say("failed")
        raise
    note = f"  {running.note}" if running.note else ""
    say(f"{time.monotonic() - begun:5.1f} s{note}")
