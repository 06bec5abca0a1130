"""Networks of which something is to be remembered: hosts have the others by name alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vrabec.models.projects import Project
from vrabec.models.sharing import SharedQuerySet


class NetworkQuerySet(SharedQuerySet["Network"]):
    """Networks as an actor sees them."""


class Network(models.Model):
    """A network by its name on hosts. `projects` are those that it is for, if it is not for all."""

    name = models.CharField(max_length=64, unique=True)
    is_for_all = models.BooleanField(default=True)
    projects = models.ManyToManyField(Project, related_name="networks", blank=True)

    objects: ClassVar[NetworkQuerySet] = NetworkQuerySet.as_manager()  # type: ignore[assignment]
