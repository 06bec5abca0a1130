"""vrabec vm xml: a machine in libvirt's own words."""

from __future__ import annotations

import sys

import click

from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import plain_lines
from vrabec_client.cli.vms import vm_argument


@click.command(cls=Command)
@vm_argument
@pass_app
def xml(app: App, name: str) -> None:
    """Print the domain XML as last seen on the host, without passwords."""
    found = app.client.get_vm_xml(app.client.find_vm(name)["id"])
    # A file gets every sign of it; a terminal must not be driven by them.
    app.show(found, lambda: plain_lines(found["xml"]) if sys.stdout.isatty() else found["xml"].rstrip("\n"))
