"""The line of a machine's CPU in the list: one SVG path with its ground. static/js/spark.js does the same.

The picture is 58 by 36 units: a point each two, the first at the left. Where nothing was watched, and before
and after it all, the path runs below the picture, and so unseen. All rows have one scale, of 50 %; a row that
passes 48 % has 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from vrabec.services.history import MANY_LINES, Line

HEIGHT, STEP, BELOW = 36, 2, 40
_HALF, _PASSED = 50, 48


@dataclass(frozen=True)
class Spark:
    """`path` is what is drawn; `is_whole` says that the picture's top is 100 % and not 50 %."""

    path: str
    is_whole: bool


@lru_cache(maxsize=MANY_LINES)
def spark_of(values: Line) -> Spark:
    """The line of these percentages; nothing to draw where all are None."""
    top = 100 if max((value for value in values if value is not None), default=0) > _PASSED else _HALF
    heights = [None if value is None else HEIGHT - round(HEIGHT * min(value, top) / top) for value in values]
    return Spark(_path(heights), top != _HALF)


def _path(heights: list[int | None]) -> str:
    drawn: list[str] = []
    before = None
    for place, height in enumerate(heights):
        if height is not None and before is not None:
            drawn.append(f"l{STEP} {height - before}")
        elif height is not None:
            drawn.append(f"H{STEP * place}V{height}" if drawn else _begun(place, height))
        elif before is not None:
            drawn.append(f"V{BELOW}")
        before = height
    return "".join(drawn) + (f"h{STEP}V{BELOW}" if before is not None else "")


def _begun(place: int, height: int) -> str:
    """The first point; at the picture's edge the way up to it is outside."""
    return f"M{STEP * place} {BELOW}V{height}" if place else f"M{-STEP} {BELOW}V{height}h{STEP}"
