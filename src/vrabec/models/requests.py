"""What people ask for: more of a quota, or a longer lease, with a word why; and how it was answered."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from vrabec.models.projects import Project
from vrabec.models.users import Group
from vrabec.models.vms import Vm

LEASE, QUOTA = "lease", "quota"
_OWN = Q(of_project=None, of_group=None)


class Request(models.Model):
    """Somebody asks: for a machine's lease `until` a day, or for limits of a quota (None: as is).

    The quota is their own, or that of `of_project` or `of_group`.
    It is open until `answered_at`; then `granted` says how, and `word` what was said with it.
    """

    kind = models.CharField(max_length=8, choices=[(kind, kind) for kind in (LEASE, QUOTA)])
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="requests")
    vm = models.ForeignKey(Vm, on_delete=models.CASCADE, related_name="requests", null=True, blank=True)
    of_project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="requests", null=True, blank=True
    )
    of_group = models.ForeignKey(
        Group, on_delete=models.CASCADE, related_name="requests", null=True, blank=True
    )
    until = models.DateField(null=True, blank=True)
    vms = models.PositiveIntegerField(null=True, blank=True)
    cpus = models.PositiveIntegerField(null=True, blank=True)
    memory_mib = models.PositiveBigIntegerField(null=True, blank=True)
    disk_mib = models.PositiveBigIntegerField(null=True, blank=True)
    why = models.TextField()
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="+", null=True, blank=True
    )
    granted = models.BooleanField(null=True, blank=True)
    word = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(_OWN, kind=LEASE, vm__isnull=False, until__isnull=False)
                | (Q(kind=QUOTA, vm=None) & (Q(of_project=None) | Q(of_group=None))),
                name="request_of_a_kind",
            ),
            models.UniqueConstraint(
                fields=["user", "vm"],
                condition=Q(answered_at=None, kind=LEASE),
                name="request_once_a_machine",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(_OWN, answered_at=None, kind=QUOTA), name="request_once_a_quota"
            ),
            *(
                models.UniqueConstraint(
                    fields=[whose],
                    condition=Q(**{"answered_at": None, f"{whose}__isnull": False}),
                    name=f"request_once_{whose}",
                )
                for whose in ("of_project", "of_group")
            ),
        )

    @property
    def name(self) -> str:
        """What it is about, for the record: the machine, or whose quota it is."""
        about = self.vm or self.of_project or self.of_group
        return about.name if about else self.user.username

    @property
    def project_id(self) -> int | None:
        """Of the machine or the quota: who sees its record sees this."""
        return self.vm.project_id if self.vm else self.of_project_id
