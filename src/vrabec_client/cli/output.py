"""How answers look: tables, JSON, YAML; and nothing of them may drive the reader's terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

_TRICKS = "\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x1f{_TRICKS}]")
"""Control signs, signs that turn the writing direction or show nothing, and what is no text at all."""
_UNSAFE_IN_JSON = re.compile(f"[{_TRICKS}]")
Row = dict[str, Any]
Column = tuple[str, Callable[[Any], Any]]


def plain(value: object) -> str:
    """`value` on one line of harmless signs; the others appear as Python escapes them."""
    text = "" if value is None else str(value)
    return _UNSAFE.sub(lambda found: _escaped(found[0]), text)


def plain_lines(text: str) -> str:
    """Like `plain`, but lines stay lines."""
    return "\n".join(plain(line) for line in text.splitlines())


def _escaped(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def rendered(data: Any, form: str) -> str:
    """`data` as JSON or YAML."""
    if form == "yaml":
        text = _yaml(data, allow_unicode=True)
        return _yaml(data, allow_unicode=False) if _UNSAFE_IN_JSON.search(text) else text
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # json escapes what is below a space; these occur inside strings only, where \u is as good.
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _yaml(data: Any, *, allow_unicode: bool) -> str:
    import yaml

    return str(yaml.safe_dump(data, allow_unicode=allow_unicode, sort_keys=False)).rstrip("\n")


def table(columns: Iterable[Column], rows: Iterable[Any]) -> str:
    """Rows under headings, two spaces apart; a column that is empty throughout is left out."""
    rows = list(rows)
    cells = [(title, [plain(of(row)) for row in rows]) for title, of in columns]
    kept = [(title, column) for title, column in cells if any(column)]
    lines = zip(*[_padded([title, *column]) for title, column in kept], strict=True)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def details(pairs: Iterable[tuple[str, Any]]) -> str:
    """One "Name: value" a line; empty values are left out."""
    shown = [(f"{name}:", plain(value)) for name, value in pairs if value not in (None, "")]
    wide = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name:<{wide}}  {value}" for name, value in shown)


def _padded(texts: list[str]) -> list[str]:
    wide = max(map(_width, texts))
    return [text + " " * (wide - _width(text)) for text in texts]


def _width(text: str) -> int:
    """Terminal columns that `text` takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)
    return len(text) + wide - sum(unicodedata.combining(sign) > 0 for sign in text)


def when(stamp: str | None) -> str:
    """A time of the interface in the reader's zone, to the second."""
    if not stamp:
        return ""
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return stamp
