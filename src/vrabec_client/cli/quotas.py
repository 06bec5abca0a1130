"""vrabec quota: how much a project, a user or a group may take, and takes."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client.cli.amounts import amount, show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, table
from vrabec_client.people import Budget, Limits, Payer

_LIMITS = ("vms", "cpus", "memory_mib", "disk_mib")
_TITLES = {"vms": "machines", "cpus": "CPUs", "memory_mib": "memory", "disk_mib": "disk"}
_COLUMNS: tuple[Column, ...] = (
    ("OF", lambda row: row["title"]),
    ("TAKEN", lambda row: row["taken"]),
    ("AT MOST", lambda row: row["most"]),
)
_WHOSE = (
    ("--group", "A group."),
    ("--user", "A user."),
    ("--project", "A project."),
)


def _whose_options(command: Any) -> Any:
    for name, words in _WHOSE:
        command = click.option(name, default="", metavar="NAME", help=words)(command)
    return command


def _payer(project: str, user: str, group: str) -> Payer:
    """What the options name. Raises UsageError for more than one."""
    named: Payer = {}
    if project:
        named["project"] = project
    if user:
        named["user"] = user
    if group:
        named["group"] = group
    if len(named) > 1:
        raise click.UsageError("Name a project, a user or a group, one of them.")
    return named


@click.group(cls=Group)
def quota() -> None:
    """How much a project, a user or a group may take, and takes."""


@quota.command()
@_whose_options
@pass_app
def show(app: App, project: str, user: str, group: str) -> None:
    """Print what somebody may take, and takes; you without an option."""
    found = app.client.get_quota(**_payer(project, user, group))
    app.show(found, lambda: table(_COLUMNS, _rows(found)))
    if not found["is_own"]:
        app.say(f"These are the limits of every {found['kind']} that has none of its own.")


def _rows(found: Budget) -> list[dict[str, str]]:
    running = " (running)" if found["limits"]["counts_running"] else ""
    taken: dict[str, Any] = dict(found["taken"])
    return [
        {
            "title": _TITLES[what] + (running if what in ("cpus", "memory_mib") else ""),
            "taken": _shown(what, taken[what]),
            "most": _shown(what, dict(found["limits"])[what]),
        }
        for what in _LIMITS
    ]


def _shown(what: str, value: Any) -> str:
    if value is None:
        return "no limit"
    return show_mib(value) if what.endswith("_mib") else str(value)


@quota.command("set")
@_whose_options
@click.option(
    "--every", type=click.Choice(("project", "user", "group")), help="All that have none of their own."
)
@click.option("--vms", type=click.IntRange(0, 2**31 - 1), help="Machines.")
@click.option("--cpus", type=click.IntRange(0, 2**31 - 1), help="CPUs.")
@click.option("--memory", "memory_mib", callback=amount, metavar="AMOUNT", help="Memory: 64G.")
@click.option("--disk", "disk_mib", callback=amount, metavar="AMOUNT", help="Disk: 1T.")
@click.option("--running", "counts_running", is_flag=True, help="CPUs and memory of what runs alone.")
@pass_app
def set_(app: App, /, every: str | None, project: str, user: str, group: str, **limits: Any) -> None:
    """Write limits; what is not said is not limited, what is taken already stays. For administrators."""
    payer = _payer(project, user, group)
    if bool(payer) == bool(every):
        raise click.UsageError("Say whose: --project, --user, --group, or --every.")
    if every:
        made = app.client.set_default(every, **limits)
    else:
        [(kind, name)] = payer.items()
        made = app.client.set_quota(kind, str(name), **limits)
    app.show(made, lambda: plain(_words(made)))


@quota.command()
@_whose_options
@pass_app
def drop(app: App, project: str, user: str, group: str) -> None:
    """Let the limits of all of its kind hold for one again. For administrators."""
    payer = _payer(project, user, group)
    if not payer:
        raise click.UsageError("Say whose: --project, --user or --group.")
    [(kind, name)] = payer.items()
    made = app.client.drop_quota(kind, str(name))
    app.show(made, lambda: plain(_words(made)))


def _words(made: Limits) -> str:
    most: dict[str, Any] = dict(made)
    said = ", ".join(f"{_TITLES[what]} {_shown(what, most[what])}" for what in _LIMITS)
    return f"At most: {said}{' (CPUs and memory of what runs)' if made['counts_running'] else ''}."
