"""vrabec token: your own API tokens."""

from __future__ import annotations

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table, when

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda token: token["id"]),
    ("NAME", lambda token: token["name"]),
    ("VERBS", lambda token: ", ".join(token["verbs"])),
    ("PROJECTS", lambda token: "" if token["projects"] is None else ", ".join(token["projects"]) or "none"),
    ("MADE", lambda token: when(token["created_at"])),
    ("ENDS", lambda token: when(token["expires_at"])),
    ("LAST USED", lambda token: when(token["used_at"])),
)


@click.group(cls=Group)
def token() -> None:
    """Your own API tokens."""


@token.command("list")
@pass_app
def list_(app: App) -> None:
    """List your live tokens."""
    found = app.client.list_tokens()
    app.show(found, lambda: table(_COLUMNS, found))


@token.command()
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="How long it lasts.")
@click.option("--verb", "verbs", multiple=True, metavar="VERB", help="For this verb alone; once for each.")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="In this project alone.")
@pass_app
def create(app: App, name: str, days: int, verbs: tuple[str, ...], projects: tuple[str, ...]) -> None:
    """Make a token; standard output is the secret alone, said this once."""
    made = app.client.create_token(name, days=days, verbs=verbs, projects=projects)
    app.say(f"Token {made['id']} ends on {when(made['expires_at'])}. Its secret is not shown again.")
    app.show(made, lambda: plain(made["secret"]))


@token.command()
@click.argument("token_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@pass_app
def revoke(app: App, token_id: int) -> None:
    """End one of your tokens at once."""
    app.client.revoke_token(token_id)
    app.say(f"Token {token_id} is revoked.")
