"""Parts of pages that are drawn once for all who see the same: a list shows the same rows again and again."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date

from django.utils.translation import get_language
from jinja2.runtime import Macro
from markupsafe import Markup

from vrabec.lib.clock import now

MOST = 4000
"""Parts that are remembered, of about 2 KB each."""
_Key = tuple[Macro, str | None, date, tuple[Hashable, ...]]
_parts: dict[_Key, dict[Hashable, Markup]] = {}


def drawn(macro: Macro, *given: Hashable) -> Markup:
    """What `macro` makes of `given`, which must be all that it knows: import it without context.

    Besides that a part may differ by language, and by day, which decides how times are written.
    """
    return drawn_each(macro, given[:1], *given[1:])


def drawn_each(macro: Macro, items: Iterable[Hashable], *given: Hashable) -> Markup:
    """What `macro` makes of each of `items` and of `given`, one after the other."""
    key = (macro, get_language(), now().date(), given)
    known = _parts.get(key, {})
    return Markup("").join([known.get(item) or _draw(key, item) for item in items])


def _draw(key: _Key, item: Hashable) -> Markup:
    if sum(map(len, _parts.values())) >= MOST:
        _parts.clear()  # all at once: what is shown now is drawn again at the next page
    macro, _, _, given = key
    part = _parts.setdefault(key, {})[item] = Markup(macro(item, *given))  # noqa: S704 - drawn with escaping
    return part
