"""vrabec capacity: how full clusters and hosts are, what fits still, and what a host's death would do."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import Column, plain, table
from vrabec_client.fleet import ClusterCapacity, HostCapacity


def _of(part: str, whole: str) -> Any:
    return lambda row: f"{show_mib(row[part])} of {show_mib(row[whole])}" if row[whole] else ""


_HOSTS: tuple[Column, ...] = (
    ("HOST", lambda row: row["host"]),
    ("MACHINES", lambda row: row["vms"]),
    ("CPUS PROMISED", lambda row: f"{row['cpus_promised']} of {row['cpus_most']}"),
    ("USED", lambda row: f"{row['cpus_used']:.1f} of {row['cpus']}"),
    ("MEMORY PROMISED", _of("memory_promised_mib", "memory_most_mib")),
    ("USED", lambda row: show_mib(row["memory_used_mib"])),
    ("DISK USED", _of("disk_used_mib", "disk_mib")),
    ("PROMISED", lambda row: show_mib(row["disk_promised_mib"]) if row["disk_mib"] else ""),
    ("IF IT DIES", lambda row: row["death"]),
)
_SIZES: tuple[Column, ...] = (
    ("SIZE", lambda room: room["size"]),
    ("CPUS", lambda room: room["cpus"]),
    ("MEMORY", lambda room: show_mib(room["memory_mib"])),
    ("FIT STILL", lambda room: room["most"]),
    ("KEEPING N+1", lambda room: room["covered"]),
)


@click.command(cls=Command)
@click.option("--cluster", metavar="NAME|ID", help="Only this one.")
@pass_app
def capacity(app: App, cluster: str | None) -> None:
    """How full clusters and hosts are, what fits still, and who would find no place if a host died."""
    wanted = app.client.find_cluster(cluster)["id"] if cluster else None
    found = app.client.get_capacity(cluster=wanted)
    app.show(found, lambda: "\n\n".join(_shown(one) for one in found))
    if not found:
        app.say("There are no hosts yet.")


def _shown(one: ClusterCapacity) -> str:
    rows = [host | {"death": _death(one, host)} for host in one["hosts"]]
    rows.append({**one, "host": "together", "death": ""})
    return "\n".join([plain(_headline(one)), table(_HOSTS, rows), table(_SIZES, one["sizes"])])


def _headline(one: ClusterCapacity) -> str:
    worst = one["worst"]
    if not one["looks_at_death"]:
        return f"{one['cluster']}: N+1 is not looked at."
    if not one["is_covered"]:
        return f"{one['cluster']}: not every host may die."
    if worst is None:
        return f"{one['cluster']}: any one host may die."
    left = f"the {worst['vms']} machines of {worst['host']} would leave {show_mib(worst['left_mib'])} free"
    return f"{one['cluster']}: any one host may die; {left}."


def _death(one: ClusterCapacity, host: HostCapacity) -> str:
    if not host["is_online"]:
        return "does not answer"
    if not one["looks_at_death"]:
        return ""
    if not host["lost"]:
        return "all fit elsewhere" if host["vms"] else ""
    more = host["lost"] - len(host["lost_names"])
    return f"no place for {', '.join(host['lost_names'])}" + (f" and {more} more" if more else "")
