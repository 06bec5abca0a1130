"""Every setting with its default and meaning, read from the class that has them: one source for all pages."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from dataclasses import dataclass, fields
from itertools import pairwise

from vrabec.config.files import Config

_HEAD = """\
# Vrabec's settings, all of them. A line that begins with a # shows a default: take the # away to change it.
# After a change: sudo systemctl restart vrabec.
"""


@dataclass(frozen=True)
class Setting:
    """One line of the settings file; `default` as TOML writes it."""

    name: str
    default: str
    meaning: str


def every_setting() -> list[Setting]:
    """All settings in the order of the class, their meaning from the text below each."""
    meanings = dict(_meanings())
    return [Setting(field.name, as_toml(field.default), meanings[field.name]) for field in fields(Config)]


def _meanings() -> list[tuple[str, str]]:
    [body] = [
        node.body for node in ast.parse(inspect.getsource(Config)).body if isinstance(node, ast.ClassDef)
    ]
    return [
        (node.target.id, inspect.cleandoc(text.value.value))
        for node, text in pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]


def as_toml(value: object) -> str:
    """A setting's value; TOML's basic texts, numbers and lists are JSON's."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def settings_file(config: Config) -> str:
    """The whole file, commented; what `config` has other than the defaults stands in it."""
    parts = [_HEAD]
    for setting in every_setting():
        value = as_toml(getattr(config, setting.name))
        line = f"{'#' if value == setting.default else ''}{setting.name} = {value}"
        meaning = textwrap.wrap(setting.meaning, 105, initial_indent="# ", subsequent_indent="# ")
        parts.append("\n".join([*meaning, line, ""]))
    return "\n".join(parts)
