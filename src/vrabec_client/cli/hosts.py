"""vrabec host and vrabec network: what machines run on."""

from __future__ import annotations

from typing import Any

import click

from vrabec_client import schemas
from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, details, table, when
from vrabec_client.cli.progress import followed, job_line, timeout_option, wait_option

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda host: host["id"]),
    ("NAME", lambda host: host["name"]),
    ("STATE", lambda host: host["state"]),
    ("CPUS", lambda host: host["cpus"]),
    ("MEMORY", lambda host: show_mib(host["memory_mib"])),
    ("PROMISED", lambda host: show_mib(host["promised_mib"])),
    ("DISK FREE", lambda host: show_mib(host["pool_free_mib"])),
    ("MACHINES", lambda host: host["vm_count"]),
    ("URI", lambda host: host["uri"]),
)


@click.group(cls=Group)
def host() -> None:
    """Hypervisors. For administrators."""


@host.command("list")
@pass_app
def list_(app: App) -> None:
    """List hosts."""
    found = app.client.list_hosts()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("There are no hosts yet; add one: vrabec host add NAME --uri qemu:///system")


@host.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def show(app: App, name: str) -> None:
    """Show one host."""
    found = app.client.find_host(name)
    app.show(found, lambda: details(_details(found)))


def _details(host: schemas.Host) -> list[tuple[str, Any]]:
    kind = {"kvm": "KVM", "qemu": "QEMU, emulating: slow"}.get(host["domain_type"], host["domain_type"])
    memory = f"{show_mib(host['memory_mib'])}, {show_mib(host['promised_mib'])} promised to machines"
    return [
        ("Name", host["name"]),
        ("Id", host["id"]),
        ("URI", host["uri"]),
        ("State", f"{host['state']} since {when(host['state_since'])}"),
        ("Reason", host["reason"]),
        ("Host name", host["hostname"]),
        ("Architecture", host["arch"]),
        ("Hypervisor", " ".join(filter(None, (kind, host["hypervisor_version"])))),
        ("libvirt", host["libvirt_version"]),
        ("CPUs", host["cpus"]),
        ("Memory", memory),
        ("Disk", f"{show_mib(host['pool_free_mib'])} of {show_mib(host['pool_total_mib'])} free"),
        ("Networks", ", ".join(host["networks"])),
        ("Machines", host["vm_count"]),
    ]


@host.command()
@click.argument("name")
@click.option("--uri", required=True, help="Its libvirt: qemu:///system, qemu+ssh://root@host/system.")
@wait_option
@timeout_option
@pass_app
def add(app: App, name: str, uri: str, wait: bool, timeout: float | None) -> None:
    """Add a host; nothing is installed on it."""
    done = followed(app, app.client.add_host(name, uri), wait, timeout)
    app.show(done, lambda: job_line(done))


@host.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def remove(app: App, name: str) -> None:
    """Forget a host; everything on it goes on running."""
    found = app.client.find_host(name)
    app.client.remove_host(found["id"])
    app.say(f"{found['name']} is forgotten; what runs on it goes on running.")


@click.group(cls=Group)
def network() -> None:
    """Networks that machines can be put on."""


@network.command("list")
@pass_app
def list_networks(app: App) -> None:
    """List networks."""
    found = app.client.list_networks()
    app.show(found, lambda: table((("NAME", lambda name: name),), found))
