"""vrabec network: what machines are put on."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, table


def reach(row: Any) -> str:
    """For which projects a template or a network is."""
    return "all" if row["is_for_all"] else ", ".join(row["projects"])


_COLUMNS: tuple[Column, ...] = (
    ("NAME", lambda network: network["name"]),
    ("HOSTS", lambda network: "-" if network["hosts"] is None else str(network["hosts"])),
    ("MACHINES", lambda network: str(network["machines"])),
    ("PROJECTS", reach),
)


@click.group(cls=Group)
def network() -> None:
    """Networks that machines can be put on."""


@network.command("list")
@pass_app
def list_(app: App) -> None:
    """List networks."""
    found = app.client.list_networks()
    app.show(found, lambda: table(_COLUMNS, found))


@network.command()
@click.argument("name")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="For this one; none: for all.")
@pass_app
def share(app: App, name: str, projects: tuple[str, ...]) -> None:
    """Say for which projects a network is. Machines that are on it stay there."""
    done = app.client.share_network(name, projects)
    app.show(done, lambda: f"The network {done['name']} is for: {reach(done)}.")
