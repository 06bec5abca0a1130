"""Who, in the end, may what on a scope: the card that shows it by person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import reasons, show
from vrabec.frontends.web.access import PageRequest
from vrabec.frontends.web.paging import paged
from vrabec.frontends.web.words import act_of, acts_of, role_title, role_words
from vrabec.models.grants import Withheld
from vrabec.models.users import Group
from vrabec.services.access import Scope, verbs_on
from vrabec.services.by_person import People, Reached, Way


@dataclass(frozen=True)
class By:
    """The group by which something holds; `href` where the reader may open it."""

    name: str
    href: str


@dataclass(frozen=True)
class Reason:
    """Why something holds; `title` is the role's, where there is more than one."""

    kind: str
    because: str
    place: str
    href: str
    title: str
    by: By | None
    until: str


@dataclass(frozen=True)
class Line:
    """Somebody: their roles, what these let them do, and what is withheld, each with its group."""

    name: str
    second: str
    is_group: bool
    titles: str
    words: str
    reasons: tuple[Reason, ...]
    withheld: tuple[tuple[str, By | None], ...]


def about(request: PageRequest, scope: Scope | None) -> dict[str, Any]:
    """What the card needs: as many queries for one as for fifty. Raises Forbidden."""
    found = People(request.actor, scope=scope)
    rows, pager = paged(request, found)
    lines = _Lines(scope, reasons.Places(request.actor))
    return {
        "people": [lines.line(row) for row in rows],
        "pager": pager,
        "names_members": found.names_members,
    }


class _Lines:
    """Makes the lines of a scope."""

    def __init__(self, scope: Scope | None, places: reasons.Places) -> None:
        self._scope, self._places = scope, places

    def line(self, row: Reached) -> Line:
        """One row."""
        most_first = sorted(row.ways, key=lambda way: -len(self._here(way)))
        titles = list(dict.fromkeys(role_title(way.role) for way in most_first))
        return Line(
            name=reasons.shown(row.holder.row),
            second=reasons.second(row.holder.row, row.member_count),
            is_group=row.holder.group is not None,
            titles=", ".join(titles),
            words=self._words(most_first),
            reasons=tuple(self._reason(way, has_others=len(titles) > 1) for way in row.ways),
            withheld=tuple(_kept(row, kept) for kept in row.withheld),
        )

    def _here(self, way: Way) -> frozenset[str]:
        return way.role.verbs & verbs_on(self._scope)

    def _words(self, most_first: list[Way]) -> str:
        """What the greatest of the roles lets them do, and what the others add."""
        greatest, *others = most_first
        words = role_words(greatest.role, on=reasons.kind_of(self._scope))
        said = {act_of(verb) for verb in self._here(greatest)}  # one sees machines and jobs, by one word
        added = {verb for way in others for verb in self._here(way) if act_of(verb) not in said}
        if not added:
            return words
        return gettext("%(words)s; also %(acts)s") % {"words": words, "acts": acts_of(added)}

    def _reason(self, way: Way, *, has_others: bool) -> Reason:
        on = way.on
        return Reason(
            kind=reasons.kind_of(on),
            because=reasons.because(on, self._scope, owns=way.owns),
            place=reasons.place(on, self._scope),
            href=self._places.href(on, self._scope),
            title=role_title(way.role) if has_others and not way.owns else "",
            by=_by(way.group),
            until=show.day(way.until) if way.until else "",
        )


def _kept(row: Reached, kept: Withheld) -> tuple[str, By | None]:
    return act_of(kept.verb), _by(kept.group if row.holder.user else None)


def _by(group: Group | None) -> By | None:
    """Who is told by which group somebody has something may see groups."""
    return By(reasons.shown(group), reverse("group", args=[group.pk])) if group else None
