"""Following jobs and machines on stderr: one line rewritten on a terminal, a line a step elsewhere."""

from __future__ import annotations

import shutil
import sys
import time

import click

from vrabec_client import schemas
from vrabec_client.cli.app import App
from vrabec_client.cli.output import plain

READY_SECONDS = 300.0
wait_option = click.option("--wait", is_flag=True, help="Wait until it is done, showing where it is.")
timeout_option = click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait, but no longer than this."
)


class Progress:
    """Shows where something is. Programs that read JSON from a pipe are shown nothing."""

    def __init__(self, app: App) -> None:
        self._is_live = sys.stderr.isatty()
        self._is_shown = self._is_live or app.form == "table"
        self._last = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *raised: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the line away, where it is a terminal's."""
        if self._is_live and self._last:
            click.echo("\r\x1b[K", nl=False, err=True)

    def job(self, job: schemas.Job) -> None:
        """Show the step a job is at."""
        steps = job["steps"]
        begun = [number for number, step in enumerate(steps, 1) if step["begun"]]
        at = begun[-1] if begun and job["state"] == "running" else 0
        doing = f"{steps[at - 1]['title']} ({at}/{len(steps)})" if at else job["state"]
        self._show(f"{job['title']}: {doing}", f" {job['percent']} %")

    def vm(self, vm: schemas.Vm) -> None:
        """Show the state of a machine that is waited for."""
        self._show(f"{vm['name']}: {'ready' if vm['ready'] else vm['label'].lower()}", "")

    def _show(self, text: str, more: str) -> None:
        line = plain(text) + (more if self._is_live else "")
        if not self._is_shown or line == self._last:
            return
        self._last = line
        if self._is_live:
            wide = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{line[:wide]}", nl=False, err=True)
        else:
            click.echo(line, err=True)


def follow(app: App, job: schemas.Job, timeout: float | None = None) -> schemas.Job:
    """Wait until `job` is done, showing it; Ctrl-C leaves it running. Raises JobFailed, TimedOut."""
    with Progress(app) as progress:
        try:
            return app.client.wait_for_job(job["id"], timeout=timeout, watch=progress.job)
        except KeyboardInterrupt:
            progress.clear()
            app.say(f"Job {job['id']} goes on; follow it: vrabec job wait {job['id']}")
            raise


def followed(app: App, job: schemas.Job, wait: bool, timeout: float | None) -> schemas.Job:
    """`job`, once it is done if --wait or --timeout asks for that. Raises JobFailed, TimedOut."""
    return follow(app, job, timeout) if wait or timeout is not None else job


def job_line(job: schemas.Job) -> str:
    """A job in one sentence."""
    return plain(f"Job {job['id']}: {job['title']}, {job['state']}.")


def follow_vm(app: App, vm_id: int, *, agent: bool, timeout: float | None = None) -> schemas.Vm:
    """Wait until a machine is ready, showing its state. Raises WrongState, TimedOut."""
    with Progress(app) as progress:
        return app.client.wait_until_ready(vm_id, agent=agent, timeout=timeout, watch=progress.vm)


def after(app: App, queued: schemas.VmJob, *, wait: bool, timeout: float | None, ready: bool = False) -> None:
    """Print what a verb queued; with `wait`, once it is done and, with `ready`, the guest is up."""
    begun = time.monotonic()
    wait = wait or timeout is not None
    job, said = queued["job"], ""
    if wait:
        job = follow(app, job, timeout)
        said = f"{job['title']}: done, after {time.monotonic() - begun:.1f} s."
    if wait and ready:
        left = READY_SECONDS if timeout is None else max(0.0, begun + timeout - time.monotonic())
        vm = follow_vm(app, queued["vm"], agent=False, timeout=left)
        said = _up(vm, time.monotonic() - begun)
    app.show({"job": job, "vm": queued["vm"]}, lambda: plain(said or job_line(job)))


def _up(vm: schemas.Vm, seconds: float) -> str:
    where = f" at {vm['address']}" if vm["address"] else ""
    return f"{vm['name']} is {'ready' if vm['ready'] else 'running'}{where}, after {seconds:.1f} s."
