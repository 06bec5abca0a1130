"""The environment of the page templates: what they may call, and strictness about what they may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from django.http import HttpRequest, QueryDict
from django.template.backends.utils import csrf_input
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language, gettext, ngettext
from jinja2 import Environment, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vrabec.frontends.web import show
from vrabec.frontends.web.drawn import drawn, drawn_each

_FILTERS = (
    "number",
    "percent",
    "mib",
    "rate",
    "bit_rate",
    "used_of",
    "share",
    "time",
    "day",
    "age",
    "lasting",
    "machines",
    "initials",
    "cut",
)
_ICONS = Path(__file__).parent / "static/vendor/icons/icons.json"


def environment(**options: Any) -> Environment:
    """Jinja2 as the pages use it: autoescaped, translated, and an unknown name is an error."""
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    made = Environment(autoescape=True, extensions=["jinja2.ext.i18n"], **_without(options, "autoescape"))
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {"_": translated, "gettext": translated}  # Jinja's own take 30 us for each of fifty
    made.globals |= {"url": url, "static": static, "icon": icon, "language": get_language, "say": say}
    made.globals |= {
        "THIN": show.THIN,
        "NOTHING": show.NOTHING,
        "query": query,
        "altered": altered,
        "drawn": drawn,
        "drawn_each": drawn_each,
    }
    made.filters |= {name: getattr(show, name) for name in _FILTERS}
    return made


def context(request: HttpRequest) -> dict[str, Any]:
    """What every template has."""
    return {"csrf_input": _Once(partial(csrf_input, request))}


class _Once:
    """Made when it is first needed; Django would draw 32 random signs for each form of a page."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._made = cache(make)

    def __html__(self) -> str:
        return self._made()


def translated(message: str, **params: object) -> Markup:
    """A message in the reader's language, as Jinja's new style has it: escaped parameters, "%%" for "%"."""
    text = Markup(gettext(message))  # noqa: S704 - a template's own
    return text % params if "%" in message else text


@lru_cache(maxsize=10_000)
def url(name: str, *args: object) -> str:
    """The path of a named route; remembered, as a list asks for two hundred."""
    return reverse(name, args=args or None)


def say(template: str, params: dict[str, Any] | None = None) -> str:
    """A stored message (an error's, a log line's) in the reader's language."""
    text = gettext(template) if template else ""
    return text % params if params else text


@pass_context
def query(context: Context, **changes: object) -> str:
    """The query string of the page on show with some values changed; None removes one."""
    return altered(context["request"].META["QUERY_STRING"], **changes)


@lru_cache(maxsize=2000)
def altered(raw: str, **changes: object) -> str:
    """As `query`, of this query string."""
    wanted = QueryDict(raw, mutable=True)
    for name, value in changes.items():
        wanted.pop(name, None)
        if value not in (None, ""):
            wanted[name] = str(value)
    return f"?{wanted.urlencode()}" if wanted else "?"


@cache
def icon(name: str, size: int = 16, label: str = "") -> Markup:
    """A Tabler outline icon, inline. Unknown: add it to scripts/vendor and run that."""
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    frame = Markup('<svg class="icon" width="{0}" height="{0}" viewBox="0 0 24 24" {1}>{2}</svg>')
    return frame.format(size, spoken, Markup(_icons()[name]))  # noqa: S704 - our own committed file


@cache
def _icons() -> dict[str, str]:
    found: dict[str, str] = json.loads(_ICONS.read_text())
    return found


def _without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}
