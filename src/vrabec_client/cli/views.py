"""vrabec view: your own saved views of the list."""

from __future__ import annotations

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda view: view["id"]),
    ("NAME", lambda view: view["name"]),
    ("SEARCH", lambda view: view["search"]),
    ("SORT", lambda view: view["sort"]),
    ("COLUMNS", lambda view: " ".join(view["columns"])),
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
@pass_app
def save(app: App, /, name: str, search: str, sort: str, columns: tuple[str, ...]) -> None:
    """Keep a search under NAME; one of the same name is replaced."""
    made = app.client.save_view(name, search=search, sort=sort, columns=columns)
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
