"""What all commands share: the controller signed in to, the form of the output, and --output itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import click

from vrabec_client.cli import config, output
from vrabec_client.client import Client
from vrabec_client.transport import require_token


class App:
    """One run of the command."""

    def __init__(self) -> None:
        self.form = "table"

    @cached_property
    def client(self) -> Client:
        """The controller, as the environment and the configuration file say. Raises Unauthenticated."""
        return self.connect(timeout=30.0)

    def connect(self, timeout: float) -> Client:
        """A connection of its own with another patience. Raises Unauthenticated."""
        found = config.login()
        return Client(found.url, require_token(found.token), fingerprint=found.fingerprint, timeout=timeout)

    def show(self, data: Any, table: Callable[[], str]) -> None:
        """Print `data` as the interface gave it, or `table()`."""
        click.echo(table() if self.form == "table" else output.rendered(data, self.form))

    def say(self, sentence: str) -> None:
        """Tell a person something on stderr; programs that read JSON or YAML are not told."""
        if self.form == "table":
            click.echo(output.plain(sentence), err=True)


pass_app = click.make_pass_decorator(App)


def _set_form(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    app = ctx.find_object(App)
    if app and value:
        app.form = value


def _output_option() -> click.Option:
    return click.Option(
        ["-o", "--output"],
        type=click.Choice(["table", "json", "yaml"]),
        expose_value=False,
        is_eager=True,
        callback=_set_form,
        help="How to print: for people (table), or what the REST interface gave.",
    )


class Command(click.Command):
    """A command with --output."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.params.append(_output_option())


class Group(click.Group):
    """A group that has --output, as its commands have."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.params.append(_output_option())
