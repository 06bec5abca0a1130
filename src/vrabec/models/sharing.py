"""What is for every project or for some alone: templates and networks.

Who sees one is a question of its own column, not of whether projects are named: a project that goes takes
nothing with it that would open a thing to all.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.models.projects import Project

M = TypeVar("M", bound=models.Model)
Projects = QuerySet[Project, Any]


class SharedQuerySet(models.QuerySet[M]):
    """Rows with `is_for_all`, else with the `projects` that they are for."""

    def visible_to(self, actor: Actor) -> Self:
        """What is for a project where the actor may look or make machines; all for who says for which."""
        is_whole = actor.only is None or actor.only.projects is None
        verb = f"{self.model._meta.model_name}.share"
        if is_whole and (actor.is_administrator or verb in actor.held.site):
            return self
        projects = Project.objects
        return self.open_to(projects.visible_to(actor) | projects.open_to(actor, "vm.create"))

    def open_to(self, projects: Projects) -> Self:
        """What is for all projects, or for one of these."""
        return self.filter(Q(is_for_all=True) | self._is_for(projects))

    def closed_to(self, projects: Projects) -> Self:
        """What is for other projects alone."""
        return self.filter(~self._is_for(projects), is_for_all=False)

    def _is_for(self, projects: Projects) -> Q:
        through = self.model._meta.get_field("projects").remote_field.through  # type: ignore[union-attr]
        named = through.objects.filter(**{f"{self.model._meta.model_name}_id": OuterRef("pk")})
        return Q(Exists(named.filter(project__in=projects)))
