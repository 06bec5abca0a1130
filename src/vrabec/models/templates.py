"""Templates: disk images that machines are cloned from."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vrabec.models.hosts import Host
from vrabec.models.projects import Project
from vrabec.models.sharing import SharedQuerySet


class TemplateState(models.TextChoices):
    """Whether machines can be made from it."""

    BUILDING = "building", "Building"
    READY = "ready", "Ready"
    FAILED = "failed", "Not built"


class TemplateQuerySet(SharedQuerySet["Template"]):
    """Templates as an actor sees them."""


class Template(models.Model):
    """An image in the controller's store, put on a host when its first machine is made there.

    `sha256` names the content: two builds of the same content are one file and one volume. All boot by BIOS;
    `has_uefi` says that machines may boot it by UEFI as well.
    `takes_user_data`: its guests have cloud-init, the whole of it.
    `projects` are those that it is for, if it is not for all.
    """

    name = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=120)
    description = models.CharField(max_length=300, blank=True)
    builder = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=TemplateState.choices, default=TemplateState.BUILDING)
    path = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size_bytes = models.PositiveBigIntegerField(default=0)
    disk_mib = models.PositiveIntegerField(default=0)
    memory_mib = models.PositiveIntegerField(default=0)
    has_uefi = models.BooleanField(default=False)
    takes_user_data = models.BooleanField(default=False)
    has_agent = models.BooleanField(default=True)
    version = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    built_at = models.DateTimeField(null=True, blank=True)
    is_for_all = models.BooleanField(default=True)
    projects = models.ManyToManyField(Project, related_name="templates", blank=True)

    objects: ClassVar[TemplateQuerySet] = TemplateQuerySet.as_manager()  # type: ignore[assignment]

    @property
    def build_command(self) -> str:
        """The words that build it."""
        suite = self.name.removeprefix(self.builder).removeprefix("-")
        return " ".join(("vrabec template build", self.builder, *(["--suite", suite] if suite else ())))


class TemplateCopy(models.Model):
    """A template's content lies whole on a host: an upload cut short leaves a volume but no row."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="template_copies")
    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="copies")
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["host", "sha256"], name="template_copy_once_a_host"),)
