"""Questions whose SQL is remembered: to compose it takes Django longer than the database takes to answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

MOST = 500
"""Questions that are remembered, of about 2 KB each."""


@dataclass(frozen=True)
class Composed:
    """SQL with its values; "" where Django knows that nothing is found."""

    text: str
    values: tuple[Any, ...]

    def rows(self) -> list[tuple[Any, ...]]:
        """What it finds, as the database says it: good for numbers and texts."""
        return asked(self.text, self.values) if self.text else []


@lru_cache(maxsize=MOST)
def composed(build: Callable[..., QuerySet[Any, Any]], *given: Hashable) -> Composed:
    """What `build` makes of `given`, which must be all that its question depends on."""
    try:
        return Composed(*build(*given).query.sql_with_params())
    except EmptyResultSet:
        return Composed("", ())


def counts(questions: Sequence[Composed]) -> list[int]:
    """How many rows each of them finds: one query."""
    one = "(SELECT COUNT(*) FROM (%s) AS found)"
    text = ", ".join(one % question.text if question.text else "0" for question in questions)
    [found] = asked(f"SELECT {text}", [value for question in questions for value in question.values])
    return [int(count) for count in found]


def asked(text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What SQL by hand finds."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall())
