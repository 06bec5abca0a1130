"""Projects: made by administrators, seen by those who have a grant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.composed import composed
from vrabec.models.projects import Project, ProjectQuerySet
from vrabec.services.permissions import require
from vrabec.services.record import record


def create_project(actor: Actor, *, name: str, title: str = "") -> Project:
    """Create a project. Raises Invalid, Conflict, Forbidden."""
    require(actor, "project.create")
    check_label(name)
    try:
        with transaction.atomic():
            project = Project.objects.create(name=name, title=title[:120])
            record(actor, "project.create", of=project)
    except IntegrityError as error:
        raise Conflict("A project named %(name)s exists already.", name=name, field="name") from error
    return project


def list_projects(actor: Actor) -> QuerySet[Project]:
    """The projects that `actor` sees, by name."""
    return _visible(actor).order_by("name")


class Named(NamedTuple):
    """A project as lists offer it."""

    name: str
    shown: str
    has_leases: bool


def project_names(actor: Actor, most: int) -> list[Named]:
    """The first `most` projects that `actor` sees: every list offers them."""
    rows = composed(_first_names, actor.viewpoint, most).rows()
    return [Named(name, title or name, days is not None) for name, title, days in rows]


def _first_names(actor: Actor, most: int) -> QuerySet[Project, Any]:
    return list_projects(actor).values_list("name", "title", "lease_days")[:most]


def projects_for(actor: Actor, verb: str) -> QuerySet[Project]:
    """The projects in which `actor` may do `verb`, by name."""
    return Project.objects.open_to(actor, verb).order_by("name")


def get_project(actor: Actor, *, name: str) -> Project:
    """The project of this name. Raises NotFound also when it is not for `actor` to see."""
    project = _visible(actor).filter(name=name).first()
    if project is None:
        raise NotFound("There is no project named %(name)s.", name=name, field="project")
    return project


def projects_named(actor: Actor, names: Iterable[str]) -> list[Project]:
    """The projects of these names, each once, by name. Raises Invalid for one that `actor` does not see."""
    wanted = {name.replace("\0", "") for name in names}
    found = {project.name: project for project in list_projects(actor).filter(name__in=wanted)}
    for name in sorted(wanted):
        if name not in found:
            raise Invalid("There is no project named %(name)s.", field="projects", name=name[:64])
    return list(found.values())


def _visible(actor: Actor) -> ProjectQuerySet:
    return Project.objects.visible_to(actor)
