"""Write the record: one line for everything a person did, in the transaction that did it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job
from vrabec.services.chain import link_on_commit

Row = Model


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
