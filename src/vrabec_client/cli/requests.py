"""vrabec request: asking for more, and answering."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from vrabec_client.cli.amounts import amount
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table, when
from vrabec_client.cli.vms import vm_argument
from vrabec_client.people import Request


def _answer(row: Request) -> str:
    if row["granted"] is None:
        return ""
    return "granted" if row["granted"] else "declined"


_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda row: row["id"]),
    ("AT", lambda row: when(row["created_at"])),
    ("WHO", lambda row: row["user"]),
    ("ASKS FOR", lambda row: row["asks"]),
    ("WHY", lambda row: row["why"].splitlines()[0]),
    ("ANSWER", _answer),
)
_why = click.option("--why", required=True, metavar="TEXT", help="Why it is needed.")


@click.group(cls=Group)
def request() -> None:
    """Asking for more, and answering."""


@request.command("list")
@pass_app
def list_(app: App) -> None:
    """List your requests and those that you may answer, open ones first."""
    found = app.client.list_requests()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("There are no requests.")


@request.command()
@click.option("--vms", type=click.IntRange(0, 2**31 - 1), help="Machines.")
@click.option("--cpus", type=click.IntRange(0, 2**31 - 1), help="CPUs.")
@click.option("--memory", "memory_mib", callback=amount, metavar="AMOUNT", help="Memory: 64G.")
@click.option("--disk", "disk_mib", callback=amount, metavar="AMOUNT", help="Disk: 1T.")
@click.option("--project", default="", metavar="NAME", help="For a project that you look after.")
@click.option("--group", default="", metavar="NAME", help="For a group that you are in.")
@_why
@pass_app
def quota(app: App, /, why: str, **more: Any) -> None:
    """Ask for more of your own quota, or of a project's or a group's."""
    made = app.client.create_request(why, **more)
    app.show(made, lambda: plain(f"Asked for {made['asks']}."))


@request.command()
@vm_argument
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="DATE", help="2027-02-12.")
@_why
@pass_app
def lease(app: App, name: str, until: datetime, why: str) -> None:
    """Ask for a longer lease of a machine than you may take."""
    made = app.client.create_request(why, vm=app.client.find_vm(name)["id"], until=f"{until:%Y-%m-%d}")
    app.show(made, lambda: plain(f"Asked for {made['asks']}."))


def _answers(name: str, granted: bool, words: str) -> None:
    @request.command(name, help=words)
    @click.argument("request_id", metavar="ID", type=int)
    @click.option("--word", default="", metavar="TEXT", help="A word with it.")
    @pass_app
    def answer(app: App, request_id: int, word: str) -> None:
        made = app.client.answer_request(request_id, granted=granted, word=word)
        app.show(made, lambda: plain(f"{_answer(made).capitalize()}: {made['asks']} for {made['user']}."))


_answers("grant", True, "Give what is asked for.")
_answers("decline", False, "Decline what is asked for.")
