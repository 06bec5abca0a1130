"""The record, read: what happened to what the actor may see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vrabec.lib.actor import Actor
from vrabec.models.audit import Audit, AuditQuerySet
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Vm
from vrabec.services.permissions import may, require

MOST = 20_000
"""Lines of one file; a program reads more page by page."""
PART = 1000
FIELDS = (
    *("id", "at", "actor", "address", "token", "action"),
    *("kind", "subject_id", "subject", "project_id", "job_id", "detail"),
)
"""What an exported line says."""
OF_HOSTS = frozenset({"vm.migrate", "vm.follow", "vm.pin"})
"""Lines whose detail names hosts."""


@dataclass(frozen=True)
class ActivityQuery:
    """Which lines: of whom and of what (a part of the name), which action (or "vm." for all of a noun).

    `token` is a whole name; `since` and `until` (not itself) are times.
    """

    by: str = ""
    action: str = ""
    subject: str = ""
    token: str = ""
    since: datetime | None = None
    until: datetime | None = None


def list_activity(actor: Actor, query: ActivityQuery | None = None) -> AuditQuerySet:
    """Lines of the record that `actor` sees and `query` finds, newest first."""
    require(actor, "audit.list")
    rows = Audit.objects.visible_to(actor).order_by("-id")
    return rows.filter(**_conditions(query)) if query else rows


def _conditions(query: ActivityQuery) -> dict[str, Any]:
    action = "action__startswith" if query.action.endswith(".") else "action"
    found = {
        "actor__icontains": query.by,
        action: query.action,
        "subject__icontains": query.subject,
        "token": query.token,
        "at__gte": query.since,
        "at__lt": query.until,
    }
    return {name: _plain(value) for name, value in found.items() if value}


def _plain(value: Any) -> Any:
    """PostgreSQL takes no NUL, and nothing has one."""
    return value.replace("\0", "") if isinstance(value, str) else value


def exported(actor: Actor, query: ActivityQuery) -> Iterator[dict[str, Any]]:
    """The newest MOST lines that are found, oldest first, each as FIELDS."""
    newest = list_activity(actor, query).values_list("pk", flat=True)[:MOST]
    ids = list(newest)[::-1]
    for start in range(0, len(ids), PART):
        rows = Audit.objects.filter(pk__in=ids[start : start + PART]).order_by("pk")
        for row in rows.values(*FIELDS):
            yield row | {"detail": detail_for(actor, row["action"], row["detail"])}


def detail_for(actor: Actor, action: str, detail: dict[str, Any]) -> dict[str, Any]:
    """What a line says beyond its columns: no names of hosts for who may not see hosts."""
    return {} if action in OF_HOSTS and not may(actor, "host.view") else detail


def vm_activity(actor: Actor, *, vm: Vm) -> AuditQuerySet:
    """Lines of the record about one machine, newest first. `vm` came from `get_vm`, so it may be seen."""
    return Audit.objects.filter(kind="vm", subject_id=vm.pk).order_by("-id")


def without_dones(rows: AuditQuerySet) -> AuditQuerySet:
    """Without the lines of jobs that ended well, for readers to whom the act itself says enough."""
    return rows.exclude(action="job.done")


def ends_of(lines: Iterable[Audit]) -> dict[int, JobState]:
    """How the jobs stand that these lines are about, by their ids: one query."""
    jobs = Job.objects.filter(pk__in={line.job_id for line in lines if line.job_id})
    return {pk: JobState(state) for pk, state in jobs.values_list("pk", "state")}
