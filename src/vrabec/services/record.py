"""Write the record: one line for everything a person did, in the transaction that did it; one for its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job, JobState
from vrabec.services.links import link_on_commit

Row = Model
ENDED = tuple(f"job.{state}" for state in ("done", "failed", "cancelled", "stuck"))
"""The actions of lines that say how a job ended."""
SAME_READING = timedelta(minutes=10)
"""Who reads the same again within it has read it once: a page drawn anew, a program that asks each minute."""
MOST_SAID = 1000
"""Signs that a line keeps of why a job failed; all of it stands in the job."""


def record(actor: Actor, action: str, *, of: Row, job: Job | None = None, **detail: Any) -> None:
    """Add a line: `actor` did `action` to the row `of`. `detail` must hold no secret."""
    line = Audit.objects.create(
        at=now(),
        user_id=actor.user_id or None,
        actor=actor.name,
        address=actor.address,
        token=actor.token or None,
        action=action,
        kind=of._meta.model_name or "",
        subject_id=of.pk,
        subject=str(
            getattr(of, "name", "") or getattr(of, "username", "") or getattr(of, "subject_name", "")
        ),
        project_id=of.pk if of._meta.model_name == "project" else getattr(of, "project_id", None),
        job_id=job.pk if job else None,
        detail=detail,
    )
    link_on_commit(line)


def record_reading(actor: Actor, action: str, *, of: Row) -> None:
    """Add a line that `actor` read what is not for all, unless one of the last minutes says the same."""
    who = {"user_id": actor.user_id or None, "address": actor.address, "token": actor.token or None}
    what = {"kind": of._meta.model_name or "", "subject_id": of.pk, "action": action}
    if not Audit.objects.filter(**what, **who, at__gt=now() - SAME_READING).exists():
        with transaction.atomic():
            record(actor, action, of=of)


def record_end(job: Job) -> None:
    """Add the line of a job's end, in the name of who asked for it. Called as it ends, in one transaction."""
    kind, subject_id = _subject_of(job)
    line = Audit.objects.create(
        at=now(),
        user_id=job.created_by_id,
        actor=job.created_by_name,
        action=f"job.{JobState(job.state).value}",
        kind=kind,
        subject_id=subject_id,
        subject=job.subject_name,
        project_id=job.project_id,
        job_id=job.pk,
        detail={"what": job.kind} | _why(job),
    )
    link_on_commit(line)


def _subject_of(job: Job) -> tuple[str, int]:
    """What it was done to, without asking for the row."""
    ids = {"vm": job.vm_id, "template": job.template_id, "host": job.host_id}
    return next(((kind, pk) for kind, pk in ids.items() if pk), ("job", job.pk))


def _why(job: Job) -> dict[str, str]:
    """Its error's sentence; what a host said in its own words stays in the job."""
    failed = job.state in (JobState.FAILED, JobState.STUCK)
    return {"error": job.error_message[:MOST_SAID]} if failed else {}
