"""vrabec session: the browsers in which you are signed in."""

from __future__ import annotations

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, table, when

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda session: session["id"]),
    ("BROWSER", lambda session: session["agent"]),
    ("ADDRESS", lambda session: session["address"]),
    ("SINCE", lambda session: when(session["created_at"])),
    ("LAST SEEN", lambda session: when(session["seen_at"])),
    ("ENDS", lambda session: when(session["expires_at"])),
)


@click.group(cls=Group)
def session() -> None:
    """Browsers in which you are signed in."""


@session.command("list")
@pass_app
def list_(app: App) -> None:
    """List your sessions; when a browser was last seen is some minutes late."""
    found = app.client.list_sessions()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("You are signed in in no browser.")


@session.command()
@click.argument("session_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@pass_app
def end(app: App, session_id: int) -> None:
    """Sign one of your browsers out: its next request is refused, its consoles close."""
    app.client.end_session(session_id)
    app.say(f"Session {session_id} has ended.")
