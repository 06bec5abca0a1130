"""The log: one line a record on stderr, times in UTC, with the job and machine at work; journald's levels.

2026-11-21T12:00:00.123Z WARNING vrabec.jobs.run job=12 machine=web: The host refused.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

_WORK: ContextVar[str] = ContextVar("work", default="")
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Levels and syslog's numbers, as sd-daemon(3) reads them at a line's beginning; below INFO it is 7."""


_SHOWN = {number: repr(chr(number))[1:-1] for number in (*range(32), 127, 0x85, 0x2028, 0x2029)}
"""Control signs and line ends, written so that one can see them: a forged line would begin with one."""


@contextmanager
def working_on(job_id: int, machine: str) -> Iterator[None]:
    """Every record of this thread says, meanwhile, for which job and machine it was."""
    token = _WORK.set(f" job={job_id}" + (f" machine={machine}" if machine else ""))
    try:
        yield
    finally:
        _WORK.reset(token)


class LineFormatter(logging.Formatter):
    """One line a record: line ends, a traceback's too, are written as they stand in Python's texts."""

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self, *, priority: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(work)s: %(message)s")
        self.default_time_format, self.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
        self._priority = priority

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        record.work = _WORK.get()
        line = super().format(record).translate(_SHOWN)
        return f"<{_priority(record.levelno)}>{line}" if self._priority else line


def handler(stream: TextIO, environment: Mapping[str, str]) -> logging.Handler:
    """A handler that writes to `stream`; with levels for journald where it reads the stream."""
    found = logging.StreamHandler(stream)
    found.setFormatter(LineFormatter(priority=is_journal(stream, environment)))
    return found


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether journald reads `stream`: its device and inode stand in JOURNAL_STREAM (systemd.exec(5))."""
    named = environment.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def _priority(level: int) -> int:
    return next((number for least, number in _PRIORITIES if level >= least), 7)
