"""What is left of quotas after something is made or made larger: bars that follow a form (quota.js)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext, ngettext

from vrabec.frontends.web import show
from vrabec.frontends.web.quotas import TITLES, left_words, shown, title_of
from vrabec.models.quotas import LIMITS
from vrabec.services.quotas import Amounts, Budget

FULL_PERCENT = 90


@dataclass(frozen=True)
class After:
    """What a form asks for, of which `has` is taken already; `runs`: whether it counts as running."""

    wish: Amounts
    has: Amounts = field(default_factory=Amounts)
    runs: bool = True


@dataclass(frozen=True)
class Row:
    """One limit of a budget: `taken` of `most` by what there is, `more` by what the form asks for.

    `is_still`: the form does not change it, as what does not run is not counted.
    """

    what: str
    most: int
    taken: int
    more: int
    has: int
    is_still: bool

    @property
    def title(self) -> str:
        """What is limited."""
        return gettext(TITLES[self.what])

    @property
    def over(self) -> int:
        """How much too much it would be; 0 or less where it fits."""
        return self.taken + self.more - self.most

    @property
    def is_tight(self) -> bool:
        """Whether it is to be said with a warning."""
        return self.over > 0 or 100 * (self.taken + self.more) >= FULL_PERCENT * self.most

    @property
    def words(self) -> str:
        """What is left, or how much too much it is."""
        if self.over > 0:
            return over_words(self.what, self.over)
        words = {"left": left_words(self.what, -self.over, self.most), "most": shown(self.what, self.most)}
        return gettext("%(left)s of %(most)s left") % words

    @property
    def at(self) -> int:
        """Where in the bar the part of the form begins, in percent: what is too much covers what is there."""
        return min(show.share(self.taken, self.most), 100 - show.share(self.more, self.most))


@dataclass(frozen=True)
class Rows:
    """The limits of one budget."""

    title: str
    rows: tuple[Row, ...]


def over_words(what: str, amount: int) -> str:
    """2 GiB over quota."""
    if what.endswith("_mib"):
        words = shown(what, amount)
    elif what == "cpus":
        words = ngettext("%(n)s CPU", "%(n)s CPUs", amount) % {"n": amount}
    else:
        words = show.machines(amount)
    return gettext("%(amount)s over quota") % {"amount": words}


def after(budgets: Iterable[Budget], me: str, act: After) -> list[Rows]:
    """What is limited, and what is left of it after the act; the reader's own budget is called yours."""
    found = [(budget, tuple(_rows(budget, act))) for budget in budgets]
    return [Rows(title_of(budget, me), rows) for budget, rows in found if rows]


def _rows(budget: Budget, act: After) -> Iterator[Row]:
    asks, has = replace(budget, used=act.wish), replace(budget, used=act.has)
    for what in LIMITS:
        most = getattr(budget.limits, what)
        if most is None or (what == "vms" and act.wish.vms == act.has.vms):
            continue
        more = max(0, asks.taken(what) - has.taken(what))
        counts = not budget.limits.counts_running or what in ("vms", "disk_mib") or act.runs
        yield Row(what, most, budget.taken(what), more, has.taken(what), not counts)


def over_of(found: Iterable[Rows], sizes: dict[str, int]) -> str:
    """What is too much of other sizes, in words; "" where they fit. `static/js/quota.js` says the same."""
    rows = [row for one in found for row in one.rows if row.what in sizes and not row.is_still]
    overs = ((row.what, row.taken + sizes[row.what] - row.has - row.most) for row in rows)
    return next((over_words(what, over) for what, over in overs if over > 0), "")
