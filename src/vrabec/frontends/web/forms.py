"""Forms that were refused: which field, why, and a way out."""

from __future__ import annotations

from dataclasses import dataclass

from vrabec.frontends.web.errors import say
from vrabec.lib.errors import Invalid, VrabecError


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field; `take` is a value that would do."""

    message: str
    take: str = ""


def problems_of(error: VrabecError) -> dict[str, Problem]:
    """The broken fields of `error` by name; what belongs to no field stands under ""."""
    found = error.errors if isinstance(error, Invalid) else (error,)
    return {one.field: Problem(say(one), str(one.params.get("near", ""))) for one in reversed(found)}


def count_of(text: str, field: str) -> int:
    """CPUs as somebody typed them. Raises Invalid naming `field`."""
    typed = text.strip()
    if typed.isascii() and typed.isdigit() and len(typed) < 6:
        return int(typed)
    raise Invalid("Write a whole number of CPUs.", field=field)
