"""What `vrabecd doctor` finds: how well one thing is, and a sentence on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How well it is: NOTE is for knowing, WARN for soon, FAIL for now."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    grade: Grade
    name: str
    text: str
