"""Projects: what machines belong to."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models

from vrabec.lib.actor import Actor
from vrabec.models.grants import granted, in_projects


class ProjectQuerySet(models.QuerySet["Project"]):
    """Projects as an actor sees them."""

    def visible_to(self, actor: Actor) -> Self:
        """Those in which the actor may look."""
        return self.open_to(actor, "project.view")

    def open_to(self, actor: Actor, verb: str) -> Self:
        """Those in which the actor may do `verb`."""
        found = self.filter(in_projects(actor, "pk"))
        if actor.is_administrator or verb in actor.held.site:
            return found
        return (
            found.filter(pk__in=granted(actor, verb, "project"))
            if verb in actor.held.project
            else found.none()
        )


class Then(models.TextChoices):
    """What becomes of a machine some days after its lease has ended."""

    ARCHIVE = "archive", "It stays, switched off"
    DELETE = "delete", "It is deleted"


class Project(models.Model):
    """What machines belong to. Its name is a host-name label: it is part of the names on hosts.

    `lease_days` is how long a new machine may run, None where there are no leases; `lease_most_days` the
    most that its people may take, None for any. `lease_grace_days` after the end `lease_then` is done.
    """

    name = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=120, blank=True)
    lease_days = models.PositiveIntegerField(null=True, blank=True)
    lease_most_days = models.PositiveIntegerField(null=True, blank=True)
    lease_grace_days = models.PositiveIntegerField(null=True, blank=True)
    lease_then = models.CharField(max_length=8, choices=Then.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[ProjectQuerySet] = ProjectQuerySet.as_manager()  # type: ignore[assignment]

    @property
    def shown_name(self) -> str:
        """The title, or the name where there is none."""
        return self.title or self.name
