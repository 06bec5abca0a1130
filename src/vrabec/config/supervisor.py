"""The supervisor: starts the processes, starts again what dies, and takes all with it when it ends.

It loads neither Django nor libvirt, so it stays small and has nothing to crash on.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

RESTART_SECONDS = (0.2, 1.0, 5.0, 15.0)
"""Between restarts of a process that keeps dying; a minute of life starts over."""
STOP_SECONDS = 15.0
LOOK_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(256 * 1024)}
"""Blocks from this size on go back to the system when they are freed, mallopt(3).

Left to itself glibc raises the limit with each large block: after a few sign-ins each thread keeps the 19 MiB
that one takes (hashers.py).
"""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = {signal.SIGCHLD, *_STOP_SIGNALS}
"""Blocked and waited for: a handler would not end the wait (PEP 475), and a death could come before it."""

Starter = Callable[[], int]
"""Starts a process and gives its pid."""


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; end now if that happened already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def module(name: str) -> Starter:
    """A starter of `python -m name`, which calls `die_with_parent` with our pid from its first argument."""

    def start() -> int:
        # Not subprocess: before it starts one it reaps those that ended, whose death we would never see.
        command = [sys.executable, "-m", name, str(os.getpid())]
        return os.posix_spawn(sys.executable, command, _MALLOC | dict(os.environ), setsigmask=())

    return start


class Supervisor:
    """Keeps one process per starter alive until SIGTERM or SIGINT."""

    def __init__(self, starters: Mapping[str, Starter]) -> None:
        self._starters = dict(starters)
        self._pids: dict[int, str] = {}
        self._born: dict[str, float] = {}
        self._deaths: dict[str, int] = {}
        self._due: dict[str, float] = dict.fromkeys(starters, 0.0)
        self._stopping = False

    def run(self) -> int:
        """Supervise; returns the exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while not self._stopping:
            self._start_due()
            self._sleep()
            self._reap()
        self._end_all()
        return 0

    def _sleep(self) -> None:
        """Until a signal, or until the next start is due."""
        due = min(self._due.values(), default=math.inf) - time.monotonic()
        found = signal.sigtimedwait(_SIGNALS, min(max(due, 0.0), LOOK_SECONDS))
        # Stopped and continued, or suspended with the machine, for longer than the wait, CPython (3.11) gives
        # a signal that nobody sent, with whatever number was in its memory.
        self._stopping = found is not None and found.si_signo in _STOP_SIGNALS

    def _start_due(self) -> None:
        for name, due in list(self._due.items()):
            if time.monotonic() >= due:
                del self._due[name]
                self._start(name)

    def _start(self, name: str) -> None:
        self._born[name] = time.monotonic()
        try:
            self._pids[self._starters[name]()] = name
        except OSError:
            # Out of memory or processes: the ones that live go on meanwhile.
            logger.exception("%s does not start", name)
            self._schedule(name)

    def _reap(self) -> None:
        while self._pids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            name = self._pids.pop(pid, "")
            if name and not self._stopping:
                logger.warning("%s ended (%s); it starts again", name, os.waitstatus_to_exitcode(status))
                self._schedule(name)

    def _schedule(self, name: str) -> None:
        lived = time.monotonic() - self._born[name]
        deaths = 0 if lived > 60 else min(self._deaths.get(name, -1) + 1, len(RESTART_SECONDS) - 1)
        self._deaths[name] = deaths
        self._due[name] = time.monotonic() + RESTART_SECONDS[deaths]

    def _end_all(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._pids:
                os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._pids and time.monotonic() < deadline:
                signal.sigtimedwait({signal.SIGCHLD}, 0.2)
                self._reap()
