"""vrabec vm targets, migrate: a running machine moves to another host."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, pass_app
from vrabec_client.cli.output import Column, table
from vrabec_client.cli.progress import after, timeout_option, wait_option
from vrabec_client.cli.vms import vm_argument

_COLUMNS: tuple[Column, ...] = (
    ("HOST", lambda target: target["name"]),
    ("FITS", lambda target: "yes" if target["fits"] else "no"),
    ("MEMORY LEFT", lambda target: show_mib(target["memory_free_mib"])),
    ("WHY NOT", lambda target: " ".join(target["reasons"])),
)


@click.command()
@vm_argument
@pass_app
def targets(app: App, name: str) -> None:
    """Where a machine can move, and why not elsewhere."""
    found = app.client.list_targets(app.client.find_vm(name)["id"])
    app.show(found, lambda: table(_COLUMNS, found))


@click.command()
@vm_argument
@click.option("--to", default="", metavar="HOST", help="Which host; the best without it.")
@click.option(
    "--if-too-fast",
    type=click.Choice(("slow", "wait", "switch")),
    default="slow",
    help="When it writes memory faster than the line carries it: slow it down (default), wait, "
    "or switch over early.",
)
@wait_option
@timeout_option
@pass_app
def migrate(app: App, /, name: str, wait: bool, timeout: float | None, **given: Any) -> None:
    """Move a running machine to another host without stopping it."""
    queued = app.client.migrate_vm(app.client.find_vm(name)["id"], **given)
    after(app, queued, wait=wait, timeout=timeout)
