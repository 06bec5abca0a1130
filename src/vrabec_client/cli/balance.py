"""vrabec balance: moves that make a cluster more even, shown and made."""

from __future__ import annotations

import click

from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import Column, table
from vrabec_client.cli.vm_many import say_each
from vrabec_client.errors import NotFound
from vrabec_client.fleet import Balance

_COLUMNS: tuple[Column, ...] = (
    ("MACHINE", lambda move: move["name"]),
    ("FROM", lambda move: move["source"]),
    ("TO", lambda move: move["target"]),
    ("GAIN", lambda move: f"{move['gain']:.1f}"),
    ("COPIES", lambda move: show_mib(move["copied_mib"])),
    ("ABOUT", lambda move: _time(move["seconds"])),
)

_ALL = 200
"""No more moves are ever proposed."""


@click.command(cls=Command)
@click.option("--cluster", metavar="NAME|ID", help="Which one; needed where there are several.")
@click.option("--most", default=20, show_default=True, metavar="N", help="Propose no more moves than these.")
@click.option(
    "--apply", "count", is_flag=False, flag_value=_ALL, type=click.IntRange(1), metavar="[N]",
    help="Make all of them, or the first N.",
)  # fmt: skip
@pass_app
def balance(app: App, cluster: str | None, most: int, count: int | None) -> int:
    """Propose moves that make a cluster more even: their gain in points, what is copied, and how long."""
    cluster_id = _cluster(app, cluster)
    found = app.client.get_balance(cluster_id, most=most)
    wanted = found["moves"][: count or 0]
    if not wanted:
        _show(app, found)
        return 0
    made = app.client.make_moves(cluster_id, [{"vm": one["vm"], "to": one["target"]} for one in wanted])
    return say_each(app, made["results"])


def _cluster(app: App, name: str | None) -> int:
    if name:
        return app.client.find_cluster(name)["id"]
    known = [one for one in app.client.list_clusters() if one["host_count"]]
    if not known:
        raise NotFound("There are no hosts yet.")
    if len(known) > 1:
        raise click.UsageError(f"Say which: --cluster {' or '.join(one['name'] for one in known)}.")
    return known[0]["id"]


def _show(app: App, found: Balance) -> None:
    app.show(found, lambda: table(_COLUMNS, found["moves"]) if found["moves"] else "")
    for stay in found["stays"]:
        app.say(f"{stay['count']} stay: {stay['why']}")
    if not found["moves"]:
        app.say(f"{found['cluster']} is as even as moves make it: {found['before']:.1f} points.")
        return
    copied = show_mib(sum(move["copied_mib"] for move in found["moves"]))
    points = f"{found['before']:.1f} to {found['after']:.1f} points"
    app.say(f"{len(found['moves'])} moves: {points}, {copied} to copy. Make them: --apply.")


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
