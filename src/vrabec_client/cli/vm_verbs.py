"""What can be done to a machine: added to the commands of vms.py."""

from __future__ import annotations

import sys
from base64 import b64decode
from typing import Any, BinaryIO

import click

from vrabec_client import schemas
from vrabec_client.cli.app import App, pass_app
from vrabec_client.cli.output import plain
from vrabec_client.cli.progress import after, timeout_option, wait_option
from vrabec_client.cli.vms import vm, vm_argument
from vrabec_client.errors import VrabecError

__all__ = ["vm"]


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def start(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Start a machine that is off; --wait: until its guest is ready."""
    after(app, app.client.start_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout, ready=True)


@vm.command()
@vm_argument
@click.option("--deadline", type=click.IntRange(1), default=90, show_default=True, metavar="SECONDS",
              help="How long the guest may take.")  # fmt: skip
@click.option("--then-power-off", is_flag=True, help="Pull the plug after the deadline.")
@wait_option
@timeout_option
@pass_app
def shutdown(app: App, /, name: str, wait: bool, timeout: float | None, **given: Any) -> None:
    """Ask the guest to shut down."""
    after(app, app.client.shutdown_vm(app.client.find_vm(name)["id"], **given), wait=wait, timeout=timeout)


@vm.command("power-off")
@vm_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@timeout_option
@pass_app
def power_off(app: App, name: str, yes: bool, wait: bool, timeout: float | None) -> None:
    """Pull the plug; what the guest has not written, or what hibernating saved, is lost."""
    found = app.client.find_vm(name)
    if found["state"] == "hibernated" and not yes:
        _confirm_loss(found)
    after(app, app.client.power_off_vm(found["id"]), wait=wait, timeout=timeout)


def _confirm_loss(found: schemas.Vm) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("The saved memory would be lost: give --yes where nobody can be asked.")
    asked = f"{found['name']} is hibernated: what was open in it is lost. Go on?"
    click.confirm(plain(asked), abort=True, err=True)


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def reboot(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Ask the guest to restart."""
    after(app, app.client.reboot_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def reset(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Restart as by the reset button; what the guest has not written is lost."""
    after(app, app.client.reset_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def pause(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Stop the CPUs; the machine keeps its memory."""
    after(app, app.client.pause_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout)


@vm.command("send-keys")
@vm_argument
@click.argument("keys", nargs=-1, required=True)
@wait_option
@timeout_option
@pass_app
def send_keys(app: App, name: str, keys: tuple[str, ...], wait: bool, timeout: float | None) -> None:
    """Press KEYS one after the other: ctrl-alt-delete, f2, enter, a."""
    after(app, app.client.send_keys_vm(app.client.find_vm(name)["id"], *keys), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@click.argument("file", type=click.File("wb", lazy=True), metavar="FILE.png")
@pass_app
def screenshot(app: App, name: str, file: BinaryIO) -> None:
    """Write what the screen shows now to a PNG file; "-" is standard output."""
    file.write(b64decode(app.client.take_screenshot(app.client.find_vm(name)["id"])["png"]))


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def hibernate(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Save the memory on the host and switch off; start goes on from there."""
    after(app, app.client.hibernate_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@wait_option
@timeout_option
@pass_app
def resume(app: App, name: str, wait: bool, timeout: float | None) -> None:
    """Let a paused machine go on."""
    after(app, app.client.resume_vm(app.client.find_vm(name)["id"]), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@timeout_option
@pass_app
def delete(app: App, name: str, yes: bool, wait: bool, timeout: float | None) -> None:
    """Delete a machine and its disks, for good. Asks for its name, or needs --yes."""
    found = app.client.find_vm(name)
    if not yes:
        _confirm(found)
    after(app, app.client.delete_vm(found["id"]), wait=wait, timeout=timeout)


def _confirm(found: schemas.Vm) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("Deleting cannot be undone: give --yes where nobody can be asked.")
    where = f" in project {found['project']}" if found["project"] else ""
    click.echo(plain(f"This deletes {found['name']}{where} with its disks, for good."), err=True)
    if click.prompt("Type its name to go on", err=True).strip() != found["name"]:
        raise VrabecError("This is not its name; nothing was deleted.")
