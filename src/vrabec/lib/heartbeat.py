"""Heartbeats between the processes of one controller: a file a loop, rewritten each time it goes round.

Ages are taken on the monotonic clock, which all processes of a machine share: a clock set back or forth
neither kills nor revives anybody.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STALE_SECONDS = 45.0
"""Longer than a loop may wait for the database (SQLite: 30 s)."""


@dataclass(frozen=True)
class Heartbeat:
    """The last one: whose it was, and how long ago."""

    pid: int
    age_s: float


def beat(path: Path) -> None:
    """Say that we live. One that cannot be written is a missing one, and no error of the loop."""
    temporary = path.with_suffix(".new")
    with suppress(OSError):
        temporary.write_text(f"{os.getpid()} {time.monotonic()}")
        temporary.replace(path)


def last_beat(path: Path) -> Heartbeat | None:
    """The last heartbeat; None where nobody has lived since the machine started."""
    try:
        pid, at = path.read_text().split()
        age_s = time.monotonic() - float(at)
    except (FileNotFoundError, ValueError):
        return None
    return Heartbeat(int(pid), age_s) if age_s >= 0 else None
