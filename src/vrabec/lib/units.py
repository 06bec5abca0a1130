"""Amounts as people read and type them. Sizes are binary (1 GiB = 1024 MiB), rates decimal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vrabec.lib.errors import Invalid

_FACTORS = {"": 1, "m": 1, "mib": 1, "g": 1024, "gib": 1024, "t": 1024**2, "tib": 1024**2}
_AMOUNT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


def parse_mib(text: str, field: str) -> int:
    """Whole mebibytes of `text` ("512", "512 MiB", "1.5G"). Raises Invalid naming `field`."""
    found = _AMOUNT.fullmatch(text)
    if not found or found[2].lower() not in _FACTORS:
        raise Invalid("Write an amount such as 512 MiB or 4 GiB.", field=field)
    mib = float(found[1]) * _FACTORS[found[2].lower()]
    return round(mib)


def show_mib(mib: float) -> str:
    """`mib` mebibytes for a person: "192 MiB", "5.1 GiB", "8 GiB", "2 TiB"."""
    for factor, unit in ((1024**2, "TiB"), (1024, "GiB")):
        if mib >= factor:
            return f"{_short(mib / factor)} {unit}"
    return f"{_short(mib)} MiB"


def exact_mib(mib: int) -> str:
    """`mib` mebibytes so that `parse_mib` gives them back: "8 GiB", "1100 MiB"."""
    return show_mib(mib) if mib % 1024 == 0 else f"{mib} MiB"


def show_rate(per_second: float, unit: str = "B") -> str:
    """A rate for a person: "18 MB/s", with "bit" as unit "84 Mbit/s"; decimal, as disks are sold."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if per_second >= factor:
            return f"{_short(per_second / factor)} {prefix}{unit}/s"
    return f"{per_second:.0f} {unit}/s"


def _rough(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def show_copy(told: Mapping[str, Any]) -> str:
    """How far a copy is: so much of so much, how fast, how long still; "" where nothing is copied."""
    if not told.get("total_bytes"):
        return ""
    total, left, rate, seconds = (
        told[name] for name in ("total_bytes", "left_bytes", "bytes_s", "seconds_left")
    )
    parts = [f"{show_mib((total - left) / 2**20)} / {show_mib(total / 2**20)}"]
    parts += [show_rate(rate)] if rate else []
    parts += [f"{_rough(seconds)} left"] if seconds is not None else []
    return " · ".join(parts)
