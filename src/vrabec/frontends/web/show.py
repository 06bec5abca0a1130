"""Amounts, times and names as a page shows them. `static/js/format.js` says the same in the browser."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from math import floor

from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext, pgettext
from markupsafe import Markup, escape

from vrabec.lib.clock import now
from vrabec.lib.units import show_mib, show_rate

THIN = "\N{NARROW NO-BREAK SPACE}"
NOTHING = "–"
_UNITS = (1024**2, 1024)
_TAIL = 8


def number(value: int) -> str:
    """A whole number with the reader's separators: "2,014"."""
    return _number(value, get_language())


@lru_cache(10_000)
def _number(value: int, _language: str | None) -> str:
    """Remembered: every page shows one for each host, and each takes Django as long as a row of a list."""
    return str(number_format(value, decimal_pos=0, use_l10n=True, force_grouping=True))


def percent(value: float | None) -> str:
    """64 -> "64 %" with a thin space that does not break; None -> a dash."""
    return NOTHING if value is None else f"{value:.0f}{THIN}%"


def mib(value: float | None) -> str:
    """An amount of mebibytes: "192 MiB", "5.1 GiB"; None -> a dash."""
    return NOTHING if value is None else show_mib(value)


def rate(bytes_s: float | None) -> str:
    """Bytes a second: "18 MB/s"; None -> a dash."""
    return NOTHING if bytes_s is None else show_rate(bytes_s)


def bit_rate(bytes_s: float | None) -> str:
    """Bytes a second as networks are measured: "84 Mbit/s"; None -> a dash."""
    return NOTHING if bytes_s is None else show_rate(8 * bytes_s, "bit")


def used_of(used: float | None, total: float) -> str:
    """5222, 8192 -> "5.1 of 8 GiB"; what is too small for the unit of the whole keeps its own."""
    if used is None:
        return mib(total)
    factor = next((size for size in _UNITS if total >= size), 1)
    amount = used / factor
    part = show_mib(used) if 0 < amount < 0.05 else _short(amount)
    return gettext("%(part)s of %(whole)s") % {"part": part, "whole": show_mib(total)}


def left_of(left: float, total: float) -> str:
    """32256, 32768 -> "31.5": what is left of the whole, in its unit, never rounded up."""
    factor = next((size for size in _UNITS if total >= size), 1)
    return _exact(floor(10 * left / factor) / 10)


def _exact(amount: float) -> str:
    return f"{amount:.0f}" if amount == int(amount) else f"{amount:.1f}"


def _short(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 10 or amount == int(amount) else f"{amount:.1f}"


def size(cpus: int, memory_mib: int, disk_mib: int) -> str:
    """A size in words: "2 CPUs, 2 GiB, 20 GiB disk"."""
    words = ngettext("%(n)s CPU, %(memory)s, %(disk)s disk", "%(n)s CPUs, %(memory)s, %(disk)s disk", cpus)
    return words % {"n": cpus, "memory": show_mib(memory_mib), "disk": show_mib(disk_mib)}


def share(used: float | None, total: float) -> int:
    """How full, in whole percent; 0 where nothing is known."""
    return min(100, round(100 * (used or 0) / total)) if total else 0


def time(value: datetime | None, style: str = "short") -> Markup | str:
    """A moment as <time> in UTC; the browser rewrites it in the reader's zone.

    `style` is "short" (today: the hour; else the day) or "long" (the day and the hour).
    """
    if value is None:
        return NOTHING
    moment = value.astimezone(UTC)
    today = moment.date() == now().date()
    hour = f"{moment:%H:%M} UTC"
    text = hour if today and style == "short" else f"{moment.day} {moment:%b %Y}, {hour}"
    stamp = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}" data-time="{}">{}</time>').format(stamp, style, text)


def day(value: date | None, *, with_year: bool = True) -> str:
    """A day that is the same wherever it is read, as that of a lease: "12 Feb 2027"; None -> a dash."""
    if value is None:
        return NOTHING
    return f"{value.day} {value:%b %Y}" if with_year else f"{value.day} {value:%b}"


def age(value: datetime | None) -> str:
    """How long ago, in rough words: "4 min", "3 h", "12 d"."""
    if value is None:
        return NOTHING
    minutes = max(0, int((now() - value).total_seconds() // 60))
    if minutes < 60:
        return pgettext("age", "%(n)d min") % {"n": minutes}
    if minutes < 48 * 60:
        return pgettext("age", "%(n)d h") % {"n": minutes // 60}
    return pgettext("age", "%(n)d d") % {"n": minutes // 1440}


def lasting(seconds: int) -> str:
    """How long something takes, in rough words: "40 s", "5 min", "2 h"."""
    if seconds < 90:
        return pgettext("age", "%(n)d s") % {"n": max(1, seconds)}
    if seconds < 90 * 60:
        return pgettext("age", "%(n)d min") % {"n": round(seconds / 60)}
    return pgettext("age", "%(n)d h") % {"n": round(seconds / 3600)}


def machines(count: int) -> str:
    """3 -> "3 machines"."""
    return ngettext("%(n)s machine", "%(n)s machines", count) % {"n": number(count)}


def initials(name: str) -> str:
    """Jana Nováková -> "JN"."""
    words = name.split() or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def cut(name: str) -> Markup:
    """A name that a narrow column cuts in its middle: the last eight signs stay."""
    if len(name) <= 2 * _TAIL:
        return escape(name)
    frame = Markup('<span class="cut"><span class="cut-head">{}</span><span>{}</span></span>')
    return frame.format(name[:-_TAIL], name[-_TAIL:])
