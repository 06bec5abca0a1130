"""vrabec cluster: hosts that can stand in for each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from vrabec_client import fleet
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, plain_lines, table

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda cluster: cluster["id"]),
    ("NAME", lambda cluster: cluster["name"]),
    ("HOSTS", lambda cluster: cluster["host_count"]),
    ("MEMORY RATIO", lambda cluster: f"{cluster['memory_ratio']:g}"),
    ("CPU RATIO", lambda cluster: f"{cluster['cpu_ratio']:g}"),
    ("N+1", lambda cluster: cluster["cover"]),
)


@click.group(cls=Group)
def cluster() -> None:
    """Hosts with the same storage and networks, and how full they may become. For administrators."""


_OPTIONS = (
    ("--memory-ratio", float, "Memory that may be promised, times a host's."),
    ("--cpu-ratio", float, "CPUs that may be promised, times a host's."),
    ("--cpu", click.Choice(["host", "baseline"]), "CPU of new machines: their host's, or what all have."),
    ("--balance-hours", int, "Balance it every so many hours; 0: only when somebody asks."),
    ("--balance-moves", int, "At most so many moves each time."),
    ("--cover", click.Choice(["off", "say", "refuse"]), "N+1, that any one host may die: said or kept."),
)


def _limit_options(command: Any) -> Any:
    for name, kind, words in reversed(_OPTIONS):
        command = click.option(name, type=kind, help=words)(command)
    return command


@cluster.command("list")
@pass_app
def list_(app: App) -> None:
    """List clusters."""
    found = app.client.list_clusters()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("There are no clusters yet; the first host makes one.")


@cluster.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def show(app: App, name: str) -> None:
    """Show a cluster: what the CPUs of its hosts have in common, and which host holds it back."""
    found = app.client.find_cluster(name)
    app.show(found, lambda: plain_lines("\n".join(_lines(found))))


def _lines(found: fleet.Cluster) -> Iterator[str]:
    baseline = found["baseline"]
    yield f"{found['name']}: {_limits(found)}."
    if baseline["model"]:
        yield f"Its hosts have the CPU {baseline['model']} in common, with {len(baseline['features'])} flags."
    else:
        yield baseline["why"] or "What the CPUs of its hosts have in common is not known yet."
    for held in baseline["held_back_by"]:
        yield f"{held['host']} lacks {', '.join(held['features'])}."


@cluster.command()
@click.argument("name")
@_limit_options
@pass_app
def create(app: App, /, name: str, **limits: Any) -> None:
    """Make a cluster."""
    _say(app, app.client.create_cluster(name, **_given(limits)))


@cluster.command("set")
@click.argument("name", metavar="NAME|ID")
@click.option("--name", "new", metavar="NAME", help="Another name.")
@_limit_options
@pass_app
def set_(app: App, /, name: str, new: str | None, **limits: Any) -> None:
    """Change a cluster; machines beyond its new limits go on running."""
    wish = _given({"name": new, **limits})
    if not wish:
        raise click.UsageError("Say what to change: one of the options.")
    _say(app, app.client.change_cluster(app.client.find_cluster(name)["id"], **wish))


@cluster.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def delete(app: App, name: str) -> None:
    """Remove a cluster that has no hosts."""
    found = app.client.find_cluster(name)
    app.client.remove_cluster(found["id"])
    app.say(f"{found['name']} is gone.")


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _say(app: App, made: fleet.Cluster) -> None:
    app.show(made, lambda: plain(f"{made['name']}: {_limits(made)}."))


def _limits(one: fleet.Cluster) -> str:
    ratios = f"memory times {one['memory_ratio']:g}, CPUs times {one['cpu_ratio']:g}"
    limits = f"{ratios}, N+1: {one['cover']}, CPU: {one['cpu']}"
    if one["balance_hours"]:
        limits += f", balanced every {one['balance_hours']} h by {one['balance_moves']} moves at most"
    return limits
