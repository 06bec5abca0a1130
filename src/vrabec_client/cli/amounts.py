"""Amounts of memory and disk as people type and read them, and the sizes that have a name."""

from __future__ import annotations

import re
from typing import NamedTuple

import click

_FACTORS = {"": 1, "m": 1, "mib": 1, "g": 1024, "gib": 1024, "t": 1024**2, "tib": 1024**2}
_AMOUNT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]*)\s*", re.ASCII | re.IGNORECASE)


class Size(NamedTuple):
    """Virtual CPUs, memory and disk."""

    cpus: int
    memory_mib: int
    disk_mib: int


SIZES = {
    "tiny": Size(1, 192, 1024),
    "small": Size(1, 512, 4 * 1024),
    "medium": Size(2, 2048, 20 * 1024),
    "large": Size(4, 8192, 40 * 1024),
}
"""The same as the pages offer."""


def amount(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """An option's callback: whole mebibytes of 512, 512MiB, 2G or 1.5GiB."""
    if value is None:
        return None
    found = _AMOUNT.fullmatch(value)
    if not found or found[2].lower() not in _FACTORS:
        raise click.BadParameter("write an amount such as 512MiB or 4G.")
    return round(float(found[1]) * _FACTORS[found[2].lower()])


def show_mib(mib: float | None) -> str:
    """`mib` mebibytes for a person: "192 MiB", "5.1 GiB"; "" for nothing known."""
    if mib is None:
        return ""
    for factor, unit in ((1024**2, "TiB"), (1024, "GiB")):
        if mib >= factor:
            return f"{_short(mib / factor)} {unit}"
    return f"{_short(mib)} MiB"


def show_rate(per_second: float, unit: str = "B") -> str:
    """A rate for a person: "18 MB/s", with "bit" as unit "84 Mbit/s"; decimal, as disks are sold."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if per_second >= factor:
            return f"{_short(per_second / factor)} {prefix}{unit}/s"
    return f"{per_second:.0f} {unit}/s"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
