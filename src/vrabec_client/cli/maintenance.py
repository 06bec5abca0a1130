"""vrabec host maintenance, resume: a host is emptied for repair, and filled again."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client import fleet
from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, pass_app
from vrabec_client.cli.output import Column, plain, table
from vrabec_client.cli.placement import names
from vrabec_client.cli.progress import followed, job_line, timeout_option, wait_option

_MOVES: tuple[Column, ...] = (
    ("MACHINE", lambda move: move["name"]),
    ("GOES TO", lambda move: move["to"]),
    ("MEMORY", lambda move: show_mib(move["memory_mib"])),
)


@click.command()
@click.argument("name", metavar="NAME|ID")
@click.option("--plan", is_flag=True, help="Only say what would happen.")
@click.option(
    "--rest",
    type=click.Choice(["leave", "shutdown"]),
    default="leave",
    help="What becomes of machines that cannot move: they run on, or are asked to shut down.",
)
@wait_option
@timeout_option
@pass_app
def maintenance(app: App, /, name: str, *, plan: bool, rest: str, **waiting: Any) -> None:
    """Empty a host for repair; it takes no machines until vrabec host resume."""
    host = app.client.find_host(name)
    if plan:
        _plan(app, app.client.plan_maintenance(host["id"]))
    else:
        done = followed(app, app.client.maintain_host(host["id"], rest=rest), **waiting)
        app.show(done, lambda: job_line(done))
        if done["state"] == "done":
            _say_stays(app, app.client.plan_maintenance(host["id"]))


@click.command()
@click.argument("name", metavar="NAME|ID")
@click.option("--leave", is_flag=True, help="Do not bring back what was moved away or shut down.")
@wait_option
@timeout_option
@pass_app
def resume(app: App, name: str, leave: bool, wait: bool, timeout: float | None) -> None:
    """End a host's maintenance; what it moved away or shut down comes back."""
    host = app.client.find_host(name)
    done = followed(app, app.client.resume_host(host["id"], bring_back=not leave), wait, timeout)
    app.show(done, lambda: job_line(done))


def _plan(app: App, found: fleet.MaintenancePlan) -> None:
    app.show(found, lambda: _show(found))
    _say(app, found)


def _show(found: fleet.MaintenancePlan) -> str:
    return table(_MOVES, found["moves"]) if found["moves"] else plain("Nothing has to move.")


def _say(app: App, found: fleet.MaintenancePlan) -> None:
    if found["moves"]:
        how = "as measured on earlier moves" if found["is_measured"] else "assumed"
        app.say(f"It takes about {found['seconds']} s, at {found['rate_mib_s']:g} MiB/s ({how}).")
    _say_stays(app, found)
    if found["off"]:
        app.say(f"Off, and left there: {names(found['off'])}.")
    for loss in found["losses"]:
        app.say(f"If {loss['host']} died then, there would be no place for {names(loss['machines'])}.")


def _say_stays(app: App, found: fleet.MaintenancePlan) -> None:
    for stay in found["stays"]:
        app.say(f"{stay['name']} stays. {stay['why']}")
