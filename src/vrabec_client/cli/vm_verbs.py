"""What can be done to machines: added to the commands of vms.py."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, BinaryIO

import click

from vrabec_client.cli.app import App, pass_app
from vrabec_client.cli.progress import after, timeout_option, wait_option
from vrabec_client.cli.vm_many import (
    Wait,
    act,
    act_on,
    confirm_delete,
    confirm_loss,
    find_all,
    several,
    vm_arguments,
)
from vrabec_client.cli.vms import vm, vm_argument

__all__ = ["vm"]


@vm.command()
@vm_arguments
@wait_option
@timeout_option
@pass_app
def start(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Start a machine that is off; --wait: until its guest is ready."""
    return act(app, "start", names, Wait(wait, timeout, ready=True))


@vm.command()
@vm_arguments
@click.option("--deadline", type=click.IntRange(1), default=90, show_default=True, metavar="SECONDS",
              help="How long the guest may take.")  # fmt: skip
@click.option("--then-power-off", is_flag=True, help="Pull the plug after the deadline.")
@wait_option
@timeout_option
@pass_app
def shutdown(app: App, /, names: tuple[str, ...], wait: bool, timeout: float | None, **given: Any) -> int:
    """Ask the guest to shut down."""
    meant = find_all(app, names)
    if len(names) > 1:
        more = {"deadline_seconds": given["deadline"], "then_power_off": given["then_power_off"]}
        return several(app, "shutdown", meant, Wait(wait, timeout), **more)
    after(app, app.client.shutdown_vm(meant.found[0]["id"], **given), wait=wait, timeout=timeout)
    return 0


@vm.command("power-off")
@vm_arguments
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@timeout_option
@pass_app
def power_off(app: App, names: tuple[str, ...], yes: bool, wait: bool, timeout: float | None) -> int:
    """Pull the plug; what the guest has not written, or what hibernating saved, is lost."""
    meant = find_all(app, names)
    if not yes:
        confirm_loss(meant)
    return act_on(app, "power_off", meant, Wait(wait, timeout))


@vm.command()
@vm_arguments
@wait_option
@timeout_option
@pass_app
def reboot(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Ask the guest to restart."""
    return act(app, "reboot", names, Wait(wait, timeout))


@vm.command()
@vm_arguments
@wait_option
@timeout_option
@pass_app
def reset(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Restart as by the reset button; what the guest has not written is lost."""
    return act(app, "reset", names, Wait(wait, timeout))


@vm.command()
@vm_arguments
@wait_option
@timeout_option
@pass_app
def pause(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Stop the CPUs; the machine keeps its memory."""
    return act(app, "pause", names, Wait(wait, timeout))


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
@vm_arguments
@wait_option
@timeout_option
@pass_app
def hibernate(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Save the memory on the host and switch off; start goes on from there."""
    return act(app, "hibernate", names, Wait(wait, timeout))


@vm.command()
@vm_arguments
@wait_option
@timeout_option
@pass_app
def resume(app: App, names: tuple[str, ...], wait: bool, timeout: float | None) -> int:
    """Let a paused machine go on."""
    return act(app, "resume", names, Wait(wait, timeout))


@vm.command()
@vm_arguments
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
@timeout_option
@pass_app
def delete(app: App, names: tuple[str, ...], yes: bool, wait: bool, timeout: float | None) -> int:
    """Delete machines and their disks, for good. Asks for the name, of several for the number; or --yes."""
    meant = find_all(app, names)
    if not yes and meant.found:
        confirm_delete(meant)
    return act_on(app, "delete", meant, Wait(wait, timeout))
