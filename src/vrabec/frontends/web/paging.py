"""Which part of a long list a page shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.http import HttpRequest, QueryDict

Row_co = TypeVar("Row_co", covariant=True)
PER_PAGE = 50
_MAX_PAGE = 100_000


@dataclass(frozen=True)
class Pager:
    """Page `number`, from 1, of `total` rows."""

    number: int
    total: int
    per_page: int = PER_PAGE

    @property
    def pages(self) -> int:
        """How many pages there are; one where there is nothing."""
        return max(1, -(-self.total // self.per_page))

    @property
    def first(self) -> int:
        """The first row's number."""
        return (self.number - 1) * self.per_page + 1

    @property
    def last(self) -> int:
        """The last row's number."""
        return min(self.total, self.number * self.per_page)


def page_number(given: QueryDict) -> int:
    """The page asked for; what is not a number is the first."""
    text = given.get("page", "1")
    return max(1, min(int(text), _MAX_PAGE)) if text.isascii() and text.isdigit() else 1


class Rows(Protocol[Row_co]):
    """A query, or what is read in parts like one."""

    def count(self) -> int:
        """How many there are."""

    def __getitem__(self, part: slice) -> Iterable[Row_co]:
        """Those from `start` to before `stop`."""


def paged(request: HttpRequest, rows: Rows[Row_co]) -> tuple[list[Row_co], Pager]:
    """The rows asked for and where they stand: two queries. Past the end the last page is given."""
    total = rows.count()
    asked = Pager(page_number(request.GET), total)
    pager = asked if asked.number <= asked.pages else Pager(asked.pages, total)
    return list(rows[pager.first - 1 : pager.number * pager.per_page]), pager
