"""Projects are changed by their owners, and removed once nothing lies in them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid
from vrabec.models.changes import changed
from vrabec.models.grants import Grant
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.placement import take_lock
from vrabec.services.record import record

MAX_TITLE = 120
_NAMED = 5


@dataclass(frozen=True)
class Contents:
    """What lies in a project, and what would go with it. `names`: a few of the machines that one sees."""

    names: tuple[str, ...]
    vms: int
    grants: int
    has_quota: bool

    @property
    def words(self) -> str:
        """Its machines: "web, db and 3 more"."""
        more = self.vms - len(self.names)
        if not self.names:
            return str(more)
        return ", ".join(self.names) + (f" and {more} more" if more else "")


def change_project(actor: Actor, *, project: Project, title: str) -> Project:
    """Give a project another title, or none. Its name stays: it is part of names on hosts.

    Raises Invalid, Forbidden.
    """
    require(actor, "project.change", project)
    title = title.strip()
    if len(title) > MAX_TITLE or not title.isprintable():
        raise Invalid("A title has %(most)s signs at most, on one line.", field="title", most=MAX_TITLE)
    before = project.title
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).update(title=title)
        record(actor, "project.change", of=project, before=before, after=title)
    project.title = title
    return project


def contents_of(actor: Actor, project: Project) -> Contents:
    """What lies in it, and what would go with it: four queries."""
    seen = Vm.objects.visible_to(actor).filter(project=project).order_by("name", "pk")
    return Contents(
        tuple(seen.values_list("name", flat=True)[:_NAMED]),
        Vm.objects.present().filter(project=project).count(),
        Grant.objects.filter(project=project).count(),
        Quota.objects.filter(project=project).exists(),
    )


def remove_project(actor: Actor, *, project: Project) -> None:
    """Remove a project in which nothing lies. What was given in it goes with it, and its quota and leases.

    Deleted machines and ended jobs stay, in no project; the record, too. Raises Conflict saying what still
    lies in it, Forbidden.
    """
    require(actor, "project.remove", project)
    with transaction.atomic():
        take_lock()  # a machine that is just being made waits, and is refused then
        found = contents_of(actor, project)
        _require_empty(project, found)
        _let_go(project)
        record(actor, "project.remove", of=project, title=project.title, grants=found.grants)
        project.delete()
        changed("grant", 0)


def _require_empty(project: Project, found: Contents) -> None:
    """Raises Conflict."""
    if found.vms:
        raise Conflict(
            "These machines still lie in the project %(name)s: %(machines)s. Delete them first.",
            name=project.name,
            machines=found.words,
        )
    if job := Job.objects.active().filter(project=project).first():
        raise Conflict(
            "Job %(job_id)s still works in the project %(name)s. Wait for it or cancel it.",
            name=project.name,
            job_id=job.pk,
        )


def _let_go(project: Project) -> None:
    """What is kept for those who look back is in no project now.

    A machine that its host has lost may come back: then as one that was found, for another project to take.
    """
    gone = Vm.objects.filter(project=project)
    gone.filter(is_lost=True).update(is_managed=False, owner=None, owner_group=None)
    gone.update(project=None)
    Job.objects.filter(project=project).update(project=None)
