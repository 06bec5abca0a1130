"""What `vrabec vm create --explain` prints: where a machine would go, and of every host why."""

from __future__ import annotations

from typing import Any, cast, get_type_hints

from vrabec_client import schemas
from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App
from vrabec_client.cli.output import Column, table

_COLUMNS: tuple[Column, ...] = (
    ("HOST", lambda verdict: verdict["host"] or "a host"),
    ("CLUSTER", lambda verdict: verdict["cluster"]),
    ("FITS", lambda verdict: "yes" if verdict["fits"] else "no"),
    ("MEMORY FREE", lambda verdict: show_mib(verdict["free_mib"])),
    ("WHY", lambda verdict: verdict["why"]),
)
_MOST_NAMED = 10


def show_placement(app: App, wish: schemas.VmWish) -> None:
    """Ask where a machine would go, and say it."""
    meant = {key: value for key, value in wish.items() if key in get_type_hints(schemas.PlaceWish)}
    found = app.client.place_vm(**cast("Any", meant))
    app.show(found, lambda: table(_COLUMNS, found["hosts"]))
    if not found["fits"]:
        app.say("No host can take this machine.")
    for loss in found["losses"]:
        app.say(f"If {loss['host']} died, there would be no place for {names(loss['machines'])}.")


def names(machines: list[str]) -> str:
    """The first of them, and how many more there are; "" is the one that is being placed."""
    named = [name or "this machine" for name in machines[:_MOST_NAMED]]
    more = len(machines) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
