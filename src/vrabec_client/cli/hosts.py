"""vrabec host: what machines run on."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import Any

import click

from vrabec_client import fleet
from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.maintenance import maintenance, resume
from vrabec_client.cli.output import Column, details, plain, table, when
from vrabec_client.cli.progress import follow, followed, job_line, timeout_option, wait_option
from vrabec_client.errors import Invalid, JobFailed, Unavailable


def _state(host: fleet.Host) -> str:
    """In maintenance a host may answer or not."""
    if host["maintenance_since"] is None:
        return host["state"]
    return "maintenance" if host["state"] == "online" else f"maintenance, {host['state']}"


_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda host: host["id"]),
    ("NAME", lambda host: host["name"]),
    ("CLUSTER", lambda host: host["cluster"]),
    ("STATE", _state),
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


host.add_command(maintenance)
host.add_command(resume)


@host.command("list")
@click.option("--state", default="", help="Only those: online, unreachable, connecting, maintenance.")
@pass_app
def list_(app: App, state: str) -> None:
    """List hosts."""
    found = app.client.list_hosts(state=state)
    app.show(found, lambda: table(_COLUMNS, found))
    if not found and not state:
        app.say("There are no hosts yet; add one: vrabec host add NAME --uri qemu:///system")


@host.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def show(app: App, name: str) -> None:
    """Show one host."""
    found = app.client.find_host(name)
    app.show(found, lambda: details(_details(found)))


def _details(host: fleet.Host) -> list[tuple[str, Any]]:
    kind = {"kvm": "KVM", "qemu": "QEMU, emulating: slow"}.get(host["domain_type"], host["domain_type"])
    memory = f"{show_mib(host['memory_mib'])}, {show_mib(host['promised_mib'])} promised to machines"
    return [
        ("Name", host["name"]),
        ("Id", host["id"]),
        ("Cluster", host["cluster"]),
        ("URI", host["uri"]),
        ("SSH key", host["fingerprint"]),
        ("State", f"{host['state']} since {when(host['state_since'])}"),
        ("Reason", host["reason"]),
        ("In maintenance", when(host["maintenance_since"]) if host["maintenance_since"] else ""),
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


fingerprint_option = click.option(
    "--fingerprint",
    metavar="SHA256:...",
    default="",
    help="Its SSH key, as you know it; otherwise you are asked.",
)


@host.command()
@click.argument("name")
@click.option("--uri", required=True, help="Its libvirt: qemu:///system, qemu+ssh://root@host/system.")
@fingerprint_option
@click.option("--cluster", default="", help="The cluster it belongs to; the oldest one without it.")
@wait_option
@timeout_option
@pass_app
def add(app: App, /, name: str, uri: str, *, wait: bool, timeout: float | None, **given: str) -> None:
    """Add a host; nothing is installed on it. By ssh paste Vrabec's key there first: vrabec host key."""
    if _is_remote(uri):
        given["fingerprint"] = _confirmed(app, uri, given["fingerprint"])
    done = followed(app, app.client.add_host(name, uri, **given), wait, timeout)
    app.show(done, lambda: job_line(done))


@host.command("set")
@click.argument("name", metavar="NAME|ID")
@click.option("--cluster", required=True, help="The cluster to put it into.")
@pass_app
def set_(app: App, name: str, cluster: str) -> None:
    """Put a host into another cluster; what runs on it goes on running."""
    done = app.client.change_host(app.client.find_host(name)["id"], cluster=cluster)
    app.show(done, lambda: plain(f"{done['name']} is in cluster {done['cluster']}."))


@host.command()
@click.argument("name", metavar="NAME|ID")
@fingerprint_option
@pass_app
def confirm(app: App, name: str, fingerprint: str) -> None:
    """Trust a host's new SSH key, after it was installed anew."""
    found = app.client.find_host(name)
    done = app.client.confirm_host(found["id"], _confirmed(app, found["uri"], fingerprint))
    app.show(done, lambda: plain(f"{done['name']} is known by {done['fingerprint']} from now on."))


@host.command()
@pass_app
def key(app: App) -> None:
    """Print Vrabec's own SSH key: a host's ~/.ssh/authorized_keys needs it."""
    found = app.client.get_ssh_key()
    app.show(found, lambda: plain(found["public_key"]))


def _is_remote(uri: str) -> bool:
    return bool(re.match(r"[a-z]+\+(ssh|tcp)://", uri))


def _confirmed(app: App, uri: str, fingerprint: str) -> str:
    """The fingerprint of the host's key, confirmed by whoever runs this; "" for one without ssh."""
    job = app.client.look_at_host(uri)
    with suppress(JobFailed):  # the key may be seen all the same
        job = follow(app, job)
    look = app.client.get_look(job["id"])
    if look["warning"]:
        app.say(look["warning"])
    if look["job"]["error"]:
        raise Unavailable(look["job"]["error"])
    _show_found(app, look)
    shown = look["fingerprint"]
    if shown and fingerprint and shown != fingerprint:
        raise Invalid(f"The host shows the key {shown}, not the one given.", field="fingerprint")
    if shown and not fingerprint:
        _ask(shown)
    return shown


def _show_found(app: App, look: fleet.Look) -> None:
    found = look["found"]
    if found:
        what = f"{found['machines']} machines, libvirt {found['libvirt_version']}, {found['cpus']} CPUs"
        app.say(f"{found['hostname']}: {what}, {show_mib(found['memory_mib'])}.")


def _ask(shown: str) -> None:
    if not sys.stdin.isatty():
        raise Invalid(f"The host shows the key {shown}: compare it, and give it by --fingerprint.")
    click.echo(plain(f"The host's SSH key has the fingerprint {shown}."), err=True)
    click.echo("Compare it on the host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", err=True)
    click.confirm("Is it the host's?", abort=True, err=True)


@host.command()
@click.argument("name", metavar="NAME|ID")
@pass_app
def remove(app: App, name: str) -> None:
    """Forget a host; everything on it goes on running."""
    found = app.client.find_host(name)
    app.client.remove_host(found["id"])
    app.say(f"{found['name']} is forgotten; what runs on it goes on running.")
