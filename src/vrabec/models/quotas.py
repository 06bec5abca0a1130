"""Quotas: how much the machines of a user, a group or a project may take in all."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from vrabec.models.projects import Project
from vrabec.models.users import Group, User

KINDS = ("project", "user", "group")
LIMITS = ("vms", "cpus", "memory_mib", "disk_mib")


class Quota(models.Model):
    """Limits of one holder, or with none of all of its kind that have no row of their own. None is no limit.

    `counts_running`: CPUs and memory count of machines that run or should, else of all that are defined.
    """

    kind = models.CharField(max_length=8, choices=[(kind, kind) for kind in KINDS])
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="quotas", null=True, blank=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="quotas", null=True, blank=True)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="quotas", null=True, blank=True
    )
    vms = models.PositiveIntegerField(null=True, blank=True)
    cpus = models.PositiveIntegerField(null=True, blank=True)
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True)
    disk_mib = models.PositiveBigIntegerField(null=True, blank=True)
    counts_running = models.BooleanField(default=False)

    class Meta:
        constraints = (
            *(
                models.UniqueConstraint(fields=[kind], condition=Q(kind=kind), name=f"quota_once_a_{kind}")
                for kind in KINDS
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(user=None, group=None, project=None), name="quota_one_default"
            ),
            models.CheckConstraint(
                condition=Q(user=None, group=None, project=None)
                | Q(kind="user", user__isnull=False, group=None, project=None)
                | Q(kind="group", group__isnull=False, user=None, project=None)
                | Q(kind="project", project__isnull=False, user=None, group=None),
                name="quota_has_one_holder",
            ),
        )
