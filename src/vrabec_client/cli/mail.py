"""vrabec mail: what could not be sent to people."""

from __future__ import annotations

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table, when

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda mail: mail["id"]),
    ("GIVEN UP", lambda mail: when(mail["given_up_at"])),
    ("TO", lambda mail: mail["to"]),
    ("SUBJECT", lambda mail: mail["subject"]),
    ("TRIES", lambda mail: mail["tries"]),
    ("WHY", lambda mail: mail["error"]),
)


@click.group(cls=Group)
def mail() -> None:
    """Mail that could not be sent. For administrators."""


@mail.command("list")
@pass_app
def list_(app: App) -> None:
    """List the mail that was given up, the last first."""
    found = app.client.list_mail()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("No mail was given up.")


@mail.command()
@click.argument("mail_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@pass_app
def send(app: App, mail_id: int) -> None:
    """Send one again, to the address that its person has now."""
    found = app.client.send_mail(mail_id)
    app.show(found, lambda: plain(f"It goes to {found['to']} soon."))
