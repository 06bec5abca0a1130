"""Small things that several commands say or ask: pages of lists, one line from standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from vrabec_client.cli.app import App

F = TypeVar("F", bound=Callable[..., Any])


def page_options(command: F) -> F:
    """--page and --per-page."""
    rows, numbers = click.IntRange(1, 500), click.IntRange(1, 100_000)
    each = click.option("--per-page", type=rows, default=50, show_default=True, help="Rows a page.")
    page = click.option("--page", type=numbers, default=1, show_default=True, help="From 1.")
    return page(each(command))


def pages(app: App, things: str, found: Any) -> None:
    """Say on stderr which page of how many this was, when there are more, or that there is nothing."""
    last = -(-found["total"] // found["per_page"])
    if not found["total"]:
        app.say(f"There are no {things}.")
    elif last > 1:
        app.say(f"Page {found['page']} of {last}; {found['total']} {things} in all.")


def one_line(what: str) -> str:
    """The first line of standard input, not shown on a terminal. Raises UsageError when there is none."""
    if sys.stdin.isatty():
        return str(click.prompt(what.capitalize(), hide_input=True, prompt_suffix=": ", err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError(f"Standard input should hold {what} on one line, but is empty.")
    return line
