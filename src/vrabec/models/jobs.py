"""Jobs: the queue, the state and the record of everything done to a host."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.models.grants import granted, has_way_past_projects, in_projects, reached
from vrabec.models.hosts import Host
from vrabec.models.projects import Project
from vrabec.models.templates import Template
from vrabec.models.users import User
from vrabec.models.vms import Vm


class JobState(models.TextChoices):
    """queued -> running -> done | undoing -> failed | cancelled; stuck = neither done nor undone."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    UNDOING = "undoing", "Undoing"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    STUCK = "stuck", "Stuck"


ACTIVE = (JobState.QUEUED, JobState.RUNNING, JobState.UNDOING)
"""States in which the engine still has something to do."""


WORKS_ON_A_HOST = Q(kind__in=("host.maintain", "host.resume"))
"""Of these a host has one at once."""


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs as an actor sees them."""

    def active(self) -> Self:
        """Jobs the engine still works on."""
        return self.filter(state__in=ACTIVE)

    def visible_to(self, actor: Actor) -> Self:
        """One's own, those of projects one may look into, and those on machines one may look at."""
        if actor.is_administrator or "job.view" in actor.held.site:
            return self.filter(in_projects(actor, "project_id"))
        ways = Q(created_by_id=actor.user_id)
        if "job.view" in actor.held.project:
            ways |= Q(project_id__in=granted(actor, "job.view", "project"))
        if has_way_past_projects(actor, "job.view"):
            ways |= Q(vm__in=Vm.objects.filter(reached(actor, "job.view")).values("pk"))
        return self.filter(ways & in_projects(actor, "project_id"))


class Job(models.Model):
    """One durable plan. Every write of the engine is conditional on `owner` and `generation`.

    `plan` is the list of step names, written at claim; `begun` counts steps begun, `ended` those ended
    (while undoing: those not yet undone). `steps` says of each its title (a message id) and when it began
    and ended, as {"title", "begun", "ended"} times in ISO 8601 or null. From step
    `no_return` on there is only forward.
    `look_again`: a call may still be in flight, so the undo is done once more, later.
    """

    kind = models.CharField(max_length=48)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.QUEUED)
    parent = models.ForeignKey(
        "self", on_delete=models.CASCADE, related_name="children", null=True, blank=True
    )
    vm = models.ForeignKey(Vm, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True)
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True)
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="jobs", null=True, blank=True)
    subject_name = models.CharField(max_length=255, blank=True)
    args = models.JSONField(default=dict)

    plan = models.JSONField(default=list)
    no_return = models.PositiveSmallIntegerField(null=True, blank=True)
    begun = models.PositiveSmallIntegerField(default=0)
    ended = models.PositiveSmallIntegerField(default=0)
    steps = models.JSONField(default=list)
    percent = models.PositiveSmallIntegerField(default=0)
    owner = models.CharField(max_length=64, blank=True)
    generation = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    cancel_asked = models.BooleanField(default=False)
    look_again = models.BooleanField(default=False)

    error_code = models.CharField(max_length=32, blank=True)
    error_template = models.TextField(blank=True)
    error_params = models.JSONField(default=dict)
    error_raw = models.TextField(blank=True)

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    created_by_name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    dismissed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[JobQuerySet] = JobQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["vm"], condition=Q(state__in=ACTIVE), name="job_one_active_a_vm"),
            models.UniqueConstraint(
                fields=["template"], condition=Q(state__in=ACTIVE), name="job_one_active_a_template"
            ),
            models.UniqueConstraint(
                fields=["host"],
                condition=Q(state__in=ACTIVE) & WORKS_ON_A_HOST,
                name="job_one_maintenance_a_host",
            ),
        )
        indexes = (
            models.Index(fields=["state", "id"], name="job_by_state"),
            models.Index(fields=["project", "-id"], name="job_by_project"),
        )

    @property
    def is_active(self) -> bool:
        """The engine still has something to do."""
        return self.state in ACTIVE

    @property
    def error_message(self) -> str:
        """The sentence in English, "" when nothing failed."""
        return self.error_template % self.error_params if self.error_params else self.error_template


class JobLine(models.Model):
    """One line of a job's log: message id and parameters, like an error's."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines")
    at = models.DateTimeField()
    step = models.CharField(max_length=48, blank=True)
    template = models.TextField()
    params = models.JSONField(default=dict)

    @property
    def message(self) -> str:
        """The sentence in English."""
        return self.template % self.params if self.params else self.template
