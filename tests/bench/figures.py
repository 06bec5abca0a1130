"""Medians, quartiles, and the fixed work that says how fast and how busy this machine was."""

import hashlib
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SPIN_BYTES = 8 * 2**20
CALIBRATIONS = 5
_BLOCK = bytes(4096)


def now_ms() -> float:
    """CLOCK_MONOTONIC: the same for all processes of a machine."""
    return time.monotonic_ns() / 1e6


def median(values: Sequence[float]) -> float | None:
    """The median to two digits after the point, None of nothing."""
    return round(statistics.median(values), 2) if values else None


def quartiles(values: Sequence[float]) -> list[float]:
    """The first and the third quartile; of fewer than two values those."""
    if len(values) < 2:
        return [round(value, 2) for value in values] * 2
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return [round(first, 2), round(third, 2)]


def quantile(values: Sequence[float], percent: int) -> float | None:
    """The value that so many percent do not pass, to two digits after the point; None of nothing."""
    ordered = sorted(values)
    return round(ordered[math.ceil(len(ordered) * percent / 100) - 1], 2) if ordered else None


class Calibration:
    """Fixed work, at the begin and the end of a measurement: other machines and other days compare by it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spins: list[float] = []
        self._fsyncs: list[float] = []

    def take(self) -> None:
        """Do the work a few times."""
        for _ in range(CALIBRATIONS):
            self._spins.append(_timed(_spin))
            self._fsyncs.append(_timed(self._fsync))

    def result(self) -> dict[str, Any]:
        """Medians; and how many processes wanted a CPU on average, in the last minute."""
        return {
            "spin_ms": median(self._spins),
            "fsync_ms": median(self._fsyncs),
            "cpus": os.cpu_count(),
            "load": round(os.getloadavg()[0], 2),
        }

    def _fsync(self) -> None:
        with tempfile.TemporaryFile(dir=self._directory, buffering=0) as file:
            file.write(_BLOCK)
            os.fsync(file.fileno())


def _timed(work: Callable[[], None]) -> float:
    began = now_ms()
    work()
    return now_ms() - began


def _spin() -> None:
    """Python and C in like parts, on one core."""
    hashlib.sha256(bytes(SPIN_BYTES)).digest()
    sum(number * number for number in range(200_000))
