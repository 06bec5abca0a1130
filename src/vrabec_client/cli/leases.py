"""vrabec vm extend, vrabec project lease: until when machines may run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

import click

from vrabec_client import people, schemas
from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import plain
from vrabec_client.cli.vm_many import Wait, find_all, several, vm_arguments

_DAYS = click.IntRange(1, 3650)


@click.command(cls=Command)
@vm_arguments
@click.option("--days", type=_DAYS, metavar="N", help="So many days from today.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="This day: 2027-02-12.")
@click.option("--no-end", is_flag=True, help="For ever. For owners of its project.")
@pass_app
def extend(app: App, names: tuple[str, ...], days: int | None, until: datetime | None, no_end: bool) -> int:
    """Let the lease of a machine end on another day; it ends at noon in UTC. Of several none ends sooner."""
    if sum((days is not None, until is not None, no_end)) != 1:
        raise click.UsageError("Say one of --days, --until and --no-end.")
    wish = _Wish(days=days, until=f"{until:%Y-%m-%d}" if until else None, no_end=no_end)
    if len(names) > 1:
        return several(app, "extend", find_all(app, names), Wait(False), **wish)
    found = app.client.extend_vm(app.client.find_vm(names[0])["id"], **wish)
    app.show(found, lambda: plain(f"{found['name']} may run {_until(found)}."))
    return 0


class _Wish(TypedDict):
    """Until when: one of them is said."""

    days: int | None
    until: str | None
    no_end: bool


def _until(vm: schemas.Vm) -> str:
    return f"until {vm['lease_ends_at'][:10]}" if vm["lease_ends_at"] else "without an end"


@click.command(cls=Command)
@click.argument("name")
@click.option("--days", type=_DAYS, metavar="N", help="How long a new machine may run.")
@click.option("--most", "most_days", type=_DAYS, metavar="N", help="The most that its people may take.")
@click.option("--grace", "grace_days", type=_DAYS, default=14, show_default=True, metavar="N",
              help="Days between the end and what comes then.")  # fmt: skip
@click.option("--then", type=click.Choice(["archive", "delete"]), default="archive", show_default=True,
              help="Keep the machine switched off, or delete it.")  # fmt: skip
@click.option("--also-present", is_flag=True, help="Also for machines that are there and have no end.")
@click.option("--none", "has_none", is_flag=True, help="No leases: its machines have no end any more.")
@pass_app
def lease(app: App, /, name: str, days: int | None, has_none: bool, **wish: Any) -> None:
    """Say how long machines of a project may run. For its owners."""
    if (days is not None) == has_none:
        raise click.UsageError("Say --days, or --none.")
    made = app.client.drop_lease(name) if days is None else app.client.set_lease(name, days, **wish)
    app.show(made, lambda: plain(_words(made)))


def _words(project: people.Project) -> str:
    rules = project["lease"]
    if rules is None:
        return f"Machines of {project['name']} have no lease."
    most = f", at most {rules['most_days']} from today" if rules["most_days"] else ""
    then = "deleted" if rules["then"] == "delete" else "kept, switched off"
    after = f"{rules['grace_days']} days after its end it is {then}"
    return f"A new machine of {project['name']} may run {rules['days']} days{most}; {after}."
