"""The record: who did what to what, and when. Rows are added, never changed (triggers refuse).

Each line has a link of a chain, which shows what was done behind Vrabec's back (services/chain.py).
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.models.grants import granted, has_way_past_projects, in_projects, reached
from vrabec.models.vms import Vm


class AuditQuerySet(models.QuerySet["Audit"]):
    """The record as an actor sees it."""

    def visible_to(self, actor: Actor) -> Self:
        """What happened in projects that one may look into, and to machines that one may look at."""
        if actor.is_administrator:
            return self
        ways = Q(pk__in=())
        if "job.view" in actor.held.project:
            ways = Q(project_id__in=granted(actor, "job.view", "project"))
        if "job.view" in actor.held.site:
            ways = Q(project_id__isnull=False)
        if has_way_past_projects(actor, "vm.view"):
            vms = Vm.objects.filter(reached(actor, "vm.view")).values("pk")
            ways |= Q(kind="vm", subject_id__in=vms)
        return self.filter(ways & in_projects(actor, "project_id"))


class Audit(models.Model):
    """One line of the record. Ids are plain numbers: the line outlives what it names."""

    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=120)
    address = models.CharField(max_length=45, blank=True)
    # NULL where there is none: SQLite makes a table anew for a column with a default, without its triggers.
    token = models.CharField(max_length=64, null=True)
    action = models.CharField(max_length=48)
    kind = models.CharField(max_length=16)
    subject_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=255)
    project_id = models.BigIntegerField(null=True)
    job_id = models.BigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    objects: ClassVar[AuditQuerySet] = AuditQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = (
            models.Index(fields=["kind", "subject_id", "-id"], name="audit_by_subject"),
            models.Index(fields=["project_id", "-id"], name="audit_by_project"),
        )


class Link(models.Model):
    """A line's place in the chain: a code of what it said, and one with what came before it (hexadecimal)."""

    place = models.BigIntegerField(primary_key=True)
    audit_id = models.BigIntegerField(unique=True)
    mac = models.CharField(max_length=64)
    chained = models.CharField(max_length=64)
