"""vrabec job: what runs, what ran, how to stop or repeat it."""

from __future__ import annotations

import click

from vrabec_client import schemas
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, details, plain_lines, table, when
from vrabec_client.cli.progress import follow, job_line, timeout_option
from vrabec_client.cli.words import page_options, pages

_COLUMNS: tuple[Column, ...] = (
    ("ID", lambda job: job["id"]),
    ("WHAT", lambda job: job["title"]),
    ("STATE", lambda job: job["state"]),
    ("DONE", lambda job: f"{job['percent']} %"),
    ("BY", lambda job: job["created_by"]),
    ("SINCE", lambda job: when(job["created_at"])),
    ("ERROR", lambda job: job["error"]),
)
_STEPS: tuple[Column, ...] = (
    ("STEP", lambda step: step["title"]),
    ("BEGUN", lambda step: when(step["begun"])),
    ("ENDED", lambda step: when(step["ended"])),
)
_LINES: tuple[Column, ...] = (
    ("AT", lambda line: when(line["at"])),
    ("STEP", lambda line: line["step"]),
    ("MESSAGE", lambda line: line["message"]),
)
job_argument = click.argument("job_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))


@click.group(cls=Group)
def job() -> None:
    """What is done to hosts, step by step."""


@job.command("list")
@click.option("--active", is_flag=True, help="Only what runs, and failed ones nobody has dismissed.")
@page_options
@pass_app
def list_(app: App, active: bool, page: int, per_page: int) -> None:
    """List jobs, newest first."""
    found = app.client.list_jobs(active=active, page=page, per_page=per_page)
    app.show(found, lambda: table(_COLUMNS, found["items"]))
    pages(app, "jobs", found)


@job.command()
@job_argument
@pass_app
def show(app: App, job_id: int) -> None:
    """Show one job and its steps."""
    _show(app, app.client.get_job(job_id))


def _show(app: App, found: schemas.Job) -> None:
    app.show(found, lambda: "\n".join(filter(None, (_facts(found), _raw(found), _steps(found)))))


def _facts(job: schemas.Job) -> str:
    return details(
        [
            ("Job", job["id"]),
            ("What", job["title"]),
            ("State", f"{job['state']}, {job['percent']} %"),
            ("Asked for", f"{when(job['created_at'])} by {job['created_by']}"),
            ("Begun", when(job["started_at"])),
            ("Ended", when(job["finished_at"])),
            ("Can be stopped", "yes" if job["can_cancel"] else ""),
            ("Error", job["error"]),
        ]
    )


def _raw(job: schemas.Job) -> str:
    return "\n".join(f"  {line}" for line in plain_lines(job["raw"]).splitlines())


def _steps(job: schemas.Job) -> str:
    return "\n" + table(_STEPS, job["steps"]) if job["steps"] else ""


@job.command()
@job_argument
@pass_app
def log(app: App, job_id: int) -> None:
    """Print a job's log."""
    lines = app.client.get_job_log(job_id)
    app.show(lines, lambda: table(_LINES, lines))
    if not lines:
        app.say(f"The log of job {job_id} is empty.")


@job.command()
@job_argument
@pass_app
def cancel(app: App, job_id: int) -> None:
    """Stop a job and undo what it did."""
    found = app.client.cancel_job(job_id)
    app.show(found, lambda: f"Job {job_id} is being stopped.")


@job.command()
@job_argument
@pass_app
def retry(app: App, job_id: int) -> None:
    """Do a failed job again."""
    found = app.client.retry_job(job_id)
    app.show(found, lambda: job_line(found))


@job.command()
@job_argument
@pass_app
def dismiss(app: App, job_id: int) -> None:
    """Take a failed job out of the list of active ones."""
    app.client.dismiss_job(job_id)
    app.say(f"Job {job_id} is dismissed.")


@job.command()
@job_argument
@timeout_option
@pass_app
def wait(app: App, job_id: int, timeout: float | None) -> None:
    """Follow a job until it ends; status 9 when it fails."""
    found = follow(app, app.client.get_job(job_id), timeout)
    app.show(found, lambda: job_line(found))
