"""vrabec view: your own saved views of the list."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table

PER_PAGE = ("50", "100", "200")
_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda view: view["id"]),
    ("NAME", lambda view: view["name"]),
    ("SEARCH", lambda view: view["search"]),
    ("SORT", lambda view: view["sort"]),
    ("COLUMNS", lambda view: " ".join(view["columns"])),
    ("PER PAGE", lambda view: view["per_page"]),
)


@click.group(cls=Group)
def view() -> None:
    """Your own saved views of the list of machines: vrabec vm list --view NAME."""


@view.command("list")
@pass_app
def list_(app: App) -> None:
    """List your views."""
    found = app.client.list_views()
    app.show(found, lambda: table(_COLUMNS, found))


@view.command()
@click.argument("name")
@click.option("--search", default="", help="Words as on the page: web state:running memory>=4G.")
@click.option("--sort", default="state", show_default=True, help="state, name, host, project, memory or cpu.")
@click.option("--column", "columns", multiple=True, help="A column of the page's list. Repeatable.")
@click.option("--per-page", type=click.Choice(PER_PAGE), help="Rows a page of it.")
@pass_app
def save(app: App, /, name: str, columns: tuple[str, ...], per_page: str | None, **wish: Any) -> None:
    """Keep a search under NAME; one of the same name is replaced."""
    rows = int(per_page) if per_page else None
    made = app.client.save_view(name, columns=list(columns), per_page=rows, **wish)
    app.show(
        made, lambda: plain(f"View {made['name']}: {made['search'] or 'all machines'}, by {made['sort']}.")
    )


@view.command()
@click.argument("name")
@pass_app
def delete(app: App, name: str) -> None:
    """Forget a view."""
    app.client.delete_view(app.client.find_view(name)["id"])
    app.say(f"View {name} is deleted.")
