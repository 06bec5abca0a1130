"""What a line of the record says of before and after, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, gettext_noop

from vrabec.lib.units import show_mib

MOST = 60
"""Signs of one value; all of it is in the export."""
WORDS = {
    "cpus": gettext_noop("CPUs"),
    "memory_mib": gettext_noop("memory"),
    "disk_mib": gettext_noop("disk"),
    "vms": gettext_noop("machines"),
    "is_active": gettext_noop("may sign in"),
}
"""Names of what is changed; others are words by themselves."""


def differences(detail: Mapping[str, Any]) -> str:
    """Such as "CPUs 1 → 2; memory 1 GiB → 2 GiB"; "" where a line has no before, or its words say it."""
    before, after = detail.get("before"), detail.get("after")
    if isinstance(after, list):
        return f"{_value('', before)} → {_value('', after)}"
    if not isinstance(after, dict | None) or not isinstance(before, dict | None):
        return ""
    old, new = before or {}, after or {}
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(_difference(name, old, new) for name in names)


def _difference(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    word = gettext(WORDS.get(name, name.replace("_", " ")))
    return f"{word} {_value(name, old.get(name))} → {_value(name, new.get(name))}"


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int) and name.endswith("_mib"):
        return show_mib(value)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = "" if value is None else " ".join(text.split())
    return (text if len(text) <= MOST else f"{text[: MOST - 1]}…") or "–"
