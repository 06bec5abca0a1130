"""vrabec vm history: what a machine used."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import click

from vrabec_client import schemas
from vrabec_client.cli.amounts import show_mib, show_rate
from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import Column, table
from vrabec_client.cli.vms import vm_argument

RANGES = ["1h", "1d", "1w", "1m", "1y"]
Show = Callable[[float], str]
_METRICS: tuple[tuple[str, str, Show], ...] = (
    ("CPU", "cpu_percent", "{:.0f} %".format),
    ("Memory used", "memory_used_mib", show_mib),
    ("Disk read", "disk_read_bytes_s", show_rate),
    ("Disk written", "disk_written_bytes_s", show_rate),
    ("Network received", "net_received_bytes_s", lambda bytes_s: show_rate(8 * bytes_s, "bit")),
    ("Network sent", "net_sent_bytes_s", lambda bytes_s: show_rate(8 * bytes_s, "bit")),
)
_COLUMNS: tuple[Column, ...] = tuple(
    (name.upper(), itemgetter(name)) for name in ("metric", "latest", "lowest", "average", "highest")
)


@click.command(cls=Command)
@vm_argument
@click.option("--range", "range_", default="1h", show_default=True, type=click.Choice(RANGES),
              help="An hour, a day, a week, 30 days or 365 days.")  # fmt: skip
@pass_app
def history(app: App, name: str, range_: str) -> None:
    """Show what a machine used; -o json gives every point."""
    found = app.client.get_vm_history(app.client.find_vm(name)["id"], range=range_)
    app.show(found, lambda: table(_COLUMNS, _rows(found)))
    if not any(value is not None for value in found["cpu_percent"]["average"]):
        app.say("Nobody watched in this time: it was off, its host did not answer, or Vrabec did not run.")


def _rows(found: schemas.History) -> list[dict[str, str]]:
    curves: dict[str, Any] = dict(found)
    return [{"metric": title, **_figures(curves[metric], show)} for title, metric, show in _METRICS]


def _figures(curve: schemas.Curve, show: Show) -> dict[str, str]:
    averages = [value for value in curve["average"] if value is not None]
    if not averages:
        return dict.fromkeys(("latest", "lowest", "average", "highest"), "")
    peaks = [value for value in curve["maximum"] if value is not None]
    figures = {
        "latest": averages[-1],
        "lowest": min(averages),
        "average": sum(averages) / len(averages),
        "highest": max(peaks),
    }
    return {name: show(value) for name, value in figures.items()}
