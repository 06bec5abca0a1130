"""vrabec vm set: what is said of a machine."""

from __future__ import annotations

import click

from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import plain
from vrabec_client.cli.vms import vm_argument
from vrabec_client.schemas import VmWords


@click.command("set", cls=Command)
@vm_argument
@click.option("--description", metavar="TEXT", help='Instead of the present one; "" takes it away.')
@click.option("--tag", multiple=True, metavar="TAG", help="Add a tag. Repeatable.")
@click.option("--untag", multiple=True, metavar="TAG", help="Take a tag away. Repeatable.")
@pass_app
def set_(app: App, name: str, description: str | None, tag: tuple[str, ...], untag: tuple[str, ...]) -> None:
    """Describe and tag a machine."""
    words: VmWords = {"tag": list(tag), "untag": list(untag)}
    if description is not None:
        words["description"] = description
    elif not tag and not untag:
        raise click.UsageError("Say what to set: --description, --tag or --untag.")
    found = app.client.describe_vm(app.client.find_vm(name)["id"], **words)
    app.show(found, lambda: plain(f"{found['name']}: {' '.join(found['tags']) or 'no tags'}."))
