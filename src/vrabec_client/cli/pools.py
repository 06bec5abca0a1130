"""vrabec pool: the storage of hosts, and what lies in it."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client import fleet
from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, table, when
from vrabec_client.cli.words import page_options, pages

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda pool: pool["id"]),
    ("NAME", lambda pool: pool["name"]),
    ("HOST", lambda pool: pool["host"]),
    ("KIND", lambda pool: pool["kind"]),
    ("STATE", lambda pool: "active" if pool["is_active"] else "not active"),
    ("SIZE", lambda pool: show_mib(pool["capacity_mib"] or None)),
    ("FREE", lambda pool: show_mib(pool["available_mib"]) if pool["capacity_mib"] else "-"),
    ("VOLUMES", lambda pool: pool["volumes"]),
    ("LOOKED AT", lambda pool: when(pool["seen_at"])),
    ("PLACE", lambda pool: pool["source"] or pool["path"]),
)


def _user(volume: fleet.Volume) -> str:
    if volume["vm_name"]:
        return volume["vm_name"]
    return f"base of {volume['layers']}" if volume["layers"] else ""


_VOLUMES: tuple[Column, ...] = (
    ("NAME", lambda volume: volume["name"]),
    ("USED BY", _user),
    ("FORMAT", lambda volume: volume["format"]),
    ("SIZE", lambda volume: show_mib(volume["capacity_mib"])),
    ("TAKES", lambda volume: show_mib(volume["allocation_mib"])),
)


@click.group(cls=Group)
def pool() -> None:
    """Storage pools of hosts, those too that Vrabec did not make."""


@pool.command("list")
@click.option("--host", default="", metavar="NAME", help="Of this host alone.")
@pass_app
def list_(app: App, host: str) -> None:
    """List storage pools."""
    found = app.client.list_pools(host=host)
    app.show(found, lambda: table(_COLUMNS, found))


@pool.command()
@click.argument("name")
@click.option("--host", default="", metavar="NAME", help="Of this host; where several have a pool NAME.")
@click.option("--search", default="", metavar="TEXT", help="With this in their names.")
@page_options
@pass_app
def volumes(app: App, /, name: str, host: str, **which: Any) -> None:
    """List the volumes of a pool, by its name or id."""
    found = app.client.list_volumes(app.client.find_pool(name, host=host)["id"], **which)
    app.show(found, lambda: table(_VOLUMES, found["items"]))
    pages(app, "volumes", found)
