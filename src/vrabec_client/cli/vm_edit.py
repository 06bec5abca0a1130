"""vrabec vm set, adopt, pin, rename, resize, clone: what a machine is, and what is said of it."""

from __future__ import annotations

from typing import Any, cast

import click

from vrabec_client.cli.amounts import amount
from vrabec_client.cli.app import App, pass_app
from vrabec_client.cli.output import plain
from vrabec_client.cli.progress import after, timeout_option, wait_option
from vrabec_client.cli.vm_many import Wait, find_all, several, vm_arguments
from vrabec_client.cli.vm_verbs import vm
from vrabec_client.cli.vms import keys_of, vm_argument
from vrabec_client.cli.words import one_line
from vrabec_client.schemas import CloneWish, VmSizes, VmWords

__all__ = ["vm"]


@vm.command("set")
@vm_arguments
@click.option("--description", metavar="TEXT", help='Instead of the present one; "" takes it away.')
@click.option("--tag", multiple=True, metavar="TAG", help="Add a tag. Repeatable.")
@click.option("--untag", multiple=True, metavar="TAG", help="Take a tag away. Repeatable.")
@click.option("--farm", metavar="NAME", help='The farm it belongs to; "" takes it out of its farm.')
@pass_app
def set_(app: App, /, names: tuple[str, ...], **given: Any) -> int:
    """Describe and tag a machine; tag several."""
    words = _words(given)
    if len(names) > 1:
        return _tag(app, names, words)
    found = app.client.describe_vm(app.client.find_vm(names[0])["id"], **words)
    app.show(found, lambda: plain(f"{found['name']}: {' '.join(found['tags']) or 'no tags'}."))
    return 0


def _words(given: dict[str, Any]) -> VmWords:
    words: VmWords = {"tag": list(given["tag"]), "untag": list(given["untag"])}
    if given["description"] is not None:
        words["description"] = given["description"]
    if given["farm"] is not None:
        words["farm"] = given["farm"]
    if not any(words.values()) and len(words) == 2:
        raise click.UsageError("Say what to set: --description, --tag, --untag or --farm.")
    return words


def _tag(app: App, names: tuple[str, ...], words: VmWords) -> int:
    if "description" in words or "farm" in words:
        raise click.UsageError("A description or farm is for one machine; several take --tag and --untag.")
    return several(app, "tag", find_all(app, names), Wait(False), **words)


@vm.command()
@vm_argument
@click.option("--project", required=True, metavar="NAME", help='Whose people may run it; "" for none.')
@pass_app
def adopt(app: App, name: str, project: str) -> None:
    """Give a machine that was found on its host to a project; nothing changes on the host."""
    found = app.client.adopt_vm(app.client.find_vm(name)["id"], project)
    app.show(found, lambda: plain(f"{found['name']} belongs to {found['project'] or 'no project'}."))


@vm.command()
@vm_argument
@click.argument("hosts", metavar="HOST...", nargs=-1)
@click.option("--free", is_flag=True, help="Let it be on any host.")
@pass_app
def pin(app: App, name: str, hosts: tuple[str, ...], free: bool) -> None:
    """Bind a machine to hosts, of which its own is one; nothing moves. For administrators."""
    if bool(hosts) == free:
        raise click.UsageError("Say the hosts that it may be on, or --free.")
    found = app.client.pin_vm(app.client.find_vm(name)["id"], hosts)
    app.show(
        found, lambda: plain(f"{found['name']} may be on {', '.join(found['pinned_to']) or 'any host'}.")
    )


@vm.command()
@vm_argument
@click.argument("new")
@wait_option
@timeout_option
@pass_app
def rename(app: App, name: str, new: str, wait: bool, timeout: float | None) -> None:
    """Give a machine that is off the name NEW; its guest has it at its next start."""
    after(app, app.client.rename_vm(app.client.find_vm(name)["id"], new), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@click.option("--cpus", type=click.IntRange(min=1), help="Virtual CPUs.")
@click.option("--memory", "memory_mib", callback=amount, metavar="AMOUNT", help="Memory: 512MiB, 2G.")
@click.option("--disk", "disk_mib", callback=amount, metavar="AMOUNT", help="Disk; it only grows: 20G.")
@wait_option
@timeout_option
@pass_app
def resize(app: App, /, name: str, wait: bool, timeout: float | None, **given: int | None) -> None:
    """Change CPUs and memory, let the disk grow.

    A machine that runs has the larger disk at once, CPUs and memory after its next start.
    """
    sizes = cast("VmSizes", {key: value for key, value in given.items() if value is not None})
    if not sizes:
        raise click.UsageError("Say what to change: --cpus, --memory or --disk.")
    after(app, app.client.resize_vm(app.client.find_vm(name)["id"], **sizes), wait=wait, timeout=timeout)


@vm.command()
@vm_argument
@click.argument("new")
@click.option("--project", default="", help="The project of the copy; the same without it.")
@click.option("--ssh-key", multiple=True, type=click.File("rb"), help="A file of public keys. Repeatable.")
@click.option("--password-stdin", is_flag=True, help="Read the guest's password from standard input.")
@click.option("--lease", "lease_days", type=int, metavar="DAYS", help="How long the copy may run.")
@wait_option
@timeout_option
@pass_app
def clone(app: App, /, name: str, new: str, wait: bool, timeout: float | None, **given: Any) -> None:
    """Copy a machine that is off, with its whole disk, to a new machine NEW, which is off as well."""
    found = app.client.find_vm(name)
    wish: CloneWish = {
        "project": given["project"] or found["project"] or "main",
        "ssh_keys": [key for file in given["ssh_key"] for key in keys_of(file)],
        "password": one_line("the password") if given["password_stdin"] else "",
        "lease_days": given["lease_days"],
    }
    after(app, app.client.clone_vm(found["id"], new, **wish), wait=wait, timeout=timeout)
