"""Every write of the engine to a job's row: each one UPDATE, conditional on owner and generation.

A job's end is a transaction with what `ENDS` writes beside it: both are there, once, or neither.

Zero rows mean that the job is no longer ours (somebody took it over after we were thought dead): LostJob,
and whoever lost it stops at once, touching nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from vrabec.jobs.plans import ENDS
from vrabec.lib.clock import now
from vrabec.lib.errors import VrabecError
from vrabec.models.changes import announce
from vrabec.models.jobs import ACTIVE, Job, JobLine, JobQuerySet, JobState

LONGEST_PAUSE = timedelta(minutes=2)
"""No pause is longer: one that ends later was begun before the clock was set back."""


class LostJob(Exception):
    """Another generation owns the job now."""


def claimable(at: datetime) -> list[Job]:
    """Jobs that wait or were left begun, oldest first.

    Only one engine is alive (its lock says so): what it does not run itself, nobody runs.
    """
    due = Q(not_before=None) | Q(not_before__lte=at) | Q(not_before__gt=at + LONGEST_PAUSE)
    return list(Job.objects.filter(due, state__in=ACTIVE).order_by("id"))


def claim(job: Job, owner: str, plan: Sequence[tuple[str, str]], no_return: int | None) -> Job | None:
    """Take `job`, with its plan as (name, title) pairs; None when somebody was faster."""
    first = job.state == JobState.QUEUED
    fields: dict[str, Any] = {"owner": owner, "generation": job.generation + 1, "not_before": None}
    if first:
        fields |= {"state": JobState.RUNNING, "no_return": no_return, "started_at": now()}
        fields |= {"plan": [name for name, _ in plan]}
        fields |= {"steps": [{"title": title, "begun": None, "ended": None} for _, title in plan]}
    return Job.objects.get(pk=job.pk) if _as_read(job).update(**fields) else None


def refuse(job: Job, error: VrabecError) -> None:
    """End a job that cannot run at all: failed when nothing of it was begun, else stuck."""
    state = JobState.STUCK if job.begun else JobState.FAILED
    fields = {"state": state, "owner": "", "generation": job.generation + 1, "finished_at": now()}
    fields |= failure(error)
    with transaction.atomic():
        if _as_read(job).update(**fields):
            _take(job, fields)
            _ended(job)


def _as_read(job: Job) -> JobQuerySet:
    """The row, unless it was changed since. Its pause, too: a job may have begun one after it was listed."""
    read = {"generation": job.generation, "state": job.state, "not_before": job.not_before}
    return Job.objects.filter(pk=job.pk, **read)


def write(job: Job, *conditions: Q, **fields: Any) -> None:
    """Write `fields` to a job that we own, and tell the pages. Raises LostJob."""
    if not _ours(job).filter(*conditions).update(**fields):
        raise LostJob(job.pk)
    _take(job, fields)


def _take(job: Job, fields: Mapping[str, Any]) -> None:
    """The row has these fields now."""
    for name, value in fields.items():
        setattr(job, name, value)
    tell(job)


def _ended(job: Job) -> None:
    for told in ENDS:
        told(job)


def _ours(job: Job) -> JobQuerySet:
    return Job.objects.filter(pk=job.pk, owner=job.owner, generation=job.generation)


def tell(job: Job) -> None:
    """Announce a job, and the machine whose shown state depends on it: once they can be read."""
    rows = [("job", job.pk), *([("vm", job.vm_id)] if job.vm_id else [])]
    transaction.on_commit(lambda: announce(rows))


def log(job: Job, template: str, /, **params: Any) -> None:
    """Add a line to the job's log. Raises LostJob."""
    if not _ours(job).exists():
        raise LostJob(job.pk)
    current = job.ended if job.state == JobState.UNDOING else job.begun
    step = job.plan[current - 1] if current else ""
    JobLine.objects.create(job=job, at=now(), step=step, template=template, params=_storable(params))


def begin(job: Job, index: int) -> None:
    """Mark step `index` begun, and those before it ended, before it runs.

    At the point of no return the mark itself refuses when a cancel came first, so that the two cannot cross.
    """
    steps = [dict(step) for step in job.steps]
    if index and steps[index - 1]["ended"] is None:
        steps[index - 1]["ended"] = now().isoformat()
    steps[index]["begun"] = steps[index]["begun"] or now().isoformat()
    conditions = (Q(cancel_asked=False),) if index == job.no_return and job.begun <= index else ()
    fields = {"begun": index + 1, "ended": index, "steps": steps}
    if job.begun <= index:
        # The step before it is done: its tries and its error are over. One that goes on knows how far it is.
        fields |= {"tries": 0, "percent": 100 * index // len(job.plan), **_NO_ERROR}
    write(job, *conditions, **fields)


def finish(job: Job, state: JobState) -> None:
    """Write the end of a job."""
    fields: dict[str, Any] = {"state": state, "owner": "", "finished_at": now()}
    if state == JobState.DONE:
        last = [{**step, "ended": now().isoformat()} for step in job.steps[-1:]]
        fields |= {"ended": len(job.plan), "percent": 100, "steps": [*job.steps[:-1], *last], **_NO_ERROR}
    with transaction.atomic():
        write(job, **fields)
        _ended(job)
    # Not within: who cancels has the parent's row first, then its children's.
    if job.parent_id:
        Job.objects.filter(pk=job.parent_id).update(not_before=None)


def failure(error: VrabecError) -> dict[str, Any]:
    """The columns that hold `error`."""
    return {
        "error_code": error.code,
        "error_template": error.template,
        "error_params": _storable(error.params),
        "error_raw": _text(error.raw)[:8000],
    }


_NO_ERROR: dict[str, Any] = {"error_code": "", "error_template": "", "error_params": {}, "error_raw": ""}


def _storable(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, int | float) else _text(str(value)) for key, value in params.items()
    }


def _text(text: str) -> str:
    """Without what PostgreSQL refuses to store: what a host says may hold anything."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def pause(job: Job, seconds: float, **fields: Any) -> None:
    """Give the job up until `seconds` from now; the claim loop takes it again."""
    write(job, owner="", not_before=now() + timedelta(seconds=seconds), **fields)


def cancel_asked(job: Job) -> bool:
    """Look whether somebody asked to cancel. Raises LostJob when the job is no longer ours."""
    asked = _ours(job).values_list("cancel_asked", flat=True).first()
    if asked is None:
        raise LostJob(job.pk)
    return asked


def close() -> None:
    """Give the thread's database connection back."""
    connection.close()
