"""Projects, and who may do what in them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.models.users import User


class ProjectQuerySet(models.QuerySet["Project"]):
    """Projects as an actor sees them."""

    def visible_to(self, actor: Actor) -> Self:
        """All for administrators; else those the actor has a grant in."""
        if actor.is_administrator:
            return self
        return self.filter(grants__user_id=actor.user_id).distinct()


class Project(models.Model):
    """What machines belong to. Its name is a host-name label: it is part of the names on hosts."""

    name = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[ProjectQuerySet] = ProjectQuerySet.as_manager()  # type: ignore[assignment]

    @property
    def shown_name(self) -> str:
        """The title, or the name where there is none."""
        return self.title or self.name


class Role(models.TextChoices):
    """Roles, from the most to the least. Only an administrator's grant has no project."""

    ADMINISTRATOR = "administrator", "Administrator"
    OWNER = "owner", "Owner"
    VIEWER = "viewer", "Viewer"


class Grant(models.Model):
    """One role of one user, in one project or everywhere."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="grants", null=True, blank=True
    )
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["user", "project"], name="grant_once_a_project"),
            models.UniqueConstraint(fields=["user"], condition=Q(project=None), name="grant_once_everywhere"),
            models.CheckConstraint(
                condition=Q(role=Role.ADMINISTRATOR, project=None)
                | (~Q(role=Role.ADMINISTRATOR) & Q(project__isnull=False)),
                name="grant_administrator_is_everywhere",
            ),
        )


def granted_projects(actor: Actor) -> models.QuerySet[Grant, Any]:
    """Ids of the projects `actor` has a grant in, as a subquery: 300 grants cost what three do."""
    return Grant.objects.filter(user_id=actor.user_id, project__isnull=False).values("project_id")
