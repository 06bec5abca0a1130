"""A verb on one machine or on several: several give a line each, and the exit status of the worst."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from vrabec_client import schemas
from vrabec_client.cli.app import App
from vrabec_client.cli.completion import vm_names
from vrabec_client.cli.output import plain
from vrabec_client.cli.progress import READY_SECONDS, after, follow, follow_vm
from vrabec_client.client import Client
from vrabec_client.errors import BY_CODE, VrabecError

vm_arguments = click.argument("names", metavar="NAME|ID...", nargs=-1, required=True, shell_complete=vm_names)
_ONE: dict[str, Callable[..., schemas.VmJob]] = {
    "start": Client.start_vm,
    "power_off": Client.power_off_vm,
    "reboot": Client.reboot_vm,
    "reset": Client.reset_vm,
    "pause": Client.pause_vm,
    "hibernate": Client.hibernate_vm,
    "resume": Client.resume_vm,
    "delete": Client.delete_vm,
}


@dataclass(frozen=True)
class Wait:
    """Whether to wait for the jobs, how many seconds, and whether until the guests are up."""

    is_asked: bool
    timeout: float | None = None
    ready: bool = False

    @property
    def waits(self) -> bool:
        """--timeout alone waits, too."""
        return self.is_asked or self.timeout is not None


@dataclass(frozen=True)
class Meant:
    """The machines that were named, and the names that are none, with the error."""

    found: list[schemas.Vm]
    missing: list[tuple[str, VrabecError]]


def find_all(app: App, names: tuple[str, ...]) -> Meant:
    """The machines of these names. A single name that is none raises, as it always did."""
    if len(names) == 1:
        return Meant([app.client.find_vm(names[0])], [])
    found: dict[int, schemas.Vm] = {}
    missing = []
    for name in names:
        try:
            vm = app.client.find_vm(name)
            found[vm["id"]] = vm
        except VrabecError as error:
            missing.append((name, error))
    return Meant(list(found.values()), missing)


def act(app: App, action: str, names: tuple[str, ...], wait: Wait) -> int:
    """Do a verb to every machine named, and say how it went; the exit status."""
    return act_on(app, action, find_all(app, names), wait)


def act_on(app: App, action: str, meant: Meant, wait: Wait, **more: Any) -> int:
    """As `act`, for machines already found."""
    if len(meant.found) == 1 and not meant.missing:
        queued = _ONE[action](app.client, meant.found[0]["id"])
        after(app, queued, wait=wait.is_asked, timeout=wait.timeout, ready=wait.ready)
        return 0
    return several(app, action, meant, wait, **more)


def several(app: App, action: str, meant: Meant, wait: Wait, **more: Any) -> int:
    """Do it to all of them at once; the others go on where one is refused."""
    begun = time.monotonic()
    results: list[schemas.VmResult] = []
    if meant.found:
        results = app.client.act_on_vms(action, [vm["id"] for vm in meant.found], **more)["results"]
    if wait.waits:
        results = [_waited(app, one, wait, begun) for one in results]
    results += [_lost(name, error) for name, error in meant.missing]
    return say_each(app, results)


def say_each(app: App, results: list[schemas.VmResult]) -> int:
    """A line for each, the refused ones on stderr; the worst exit status."""
    if app.form != "table":
        app.show({"results": results}, str)
    for one in results if app.form == "table" else []:
        click.echo(_line(one), err=one["error"] is not None)
    codes = [BY_CODE.get(one["error"]["code"], VrabecError).exit_code for one in results if one["error"]]
    return max(codes, default=0)


def _line(one: schemas.VmResult) -> str:
    if one["error"]:
        return plain(f"{one['name']}: {one['error']['message']}")
    job = one["job"]
    return plain(
        f"{one['name']}: {job['title']}, {job['state']}: job {job['id']}" if job else f"{one['name']}: done"
    )


def _lost(name: str, error: VrabecError) -> schemas.VmResult:
    return {"vm": 0, "name": name, "job": None, "error": error.body()["error"]}


def _waited(app: App, one: schemas.VmResult, wait: Wait, begun: float) -> schemas.VmResult:
    """The result once its job has ended, or with the error of the wait."""
    if not one["job"]:
        return one
    job = one["job"]
    try:
        one["job"] = follow(app, job, _left(wait, begun, None))
        if wait.ready:
            follow_vm(app, one["vm"], agent=False, timeout=_left(wait, begun, READY_SECONDS))
    except VrabecError as error:
        one["error"] = error.body()["error"]
    return one


def _left(wait: Wait, begun: float, otherwise: float | None) -> float | None:
    if wait.timeout is None:
        return otherwise
    return max(0.0, begun + wait.timeout - time.monotonic())


def confirm_delete(meant: Meant) -> None:
    """Ask for the name of one machine, for the number of several. Raises UsageError, VrabecError."""
    if not sys.stdin.isatty():
        raise click.UsageError("Deleting cannot be undone: give --yes where nobody can be asked.")
    names = [vm["name"] for vm in meant.found]
    one = len(names) == 1
    where = f" in project {meant.found[0]['project']}" if one and meant.found[0]["project"] else ""
    what = f"{names[0]}{where} with its disks" if one else f"{len(names)} machines with their disks"
    click.echo(plain(f"This deletes {what}, for good{'' if one else ': ' + ', '.join(names)}."), err=True)
    wanted = names[0] if one else str(len(names))
    if click.prompt(f"Type {'its name' if one else 'their number'} to go on", err=True).strip() != wanted:
        raise VrabecError(f"This is not {'its name' if one else 'their number'}; nothing was deleted.")


def confirm_loss(meant: Meant) -> None:
    """Ask before saved memory is lost. Raises UsageError, Abort."""
    asleep = [vm["name"] for vm in meant.found if vm["state"] == "hibernated"]
    if not asleep:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("The saved memory would be lost: give --yes where nobody can be asked.")
    what = f"{asleep[0]} is hibernated: what was open in it" if len(asleep) == 1 else (
        f"{', '.join(asleep)} are hibernated: what was open in them")  # fmt: skip
    click.confirm(plain(f"{what} is lost. Go on?"), abort=True, err=True)
