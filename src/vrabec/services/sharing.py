"""Say for which projects something is: templates and networks alike."""

from __future__ import annotations

from collections.abc import Iterable

from vrabec.lib.actor import Actor
from vrabec.models.networks import Network
from vrabec.models.templates import Template
from vrabec.services.projects import list_projects, projects_named


def share(actor: Actor, known: Template | Network, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Write the projects that it is for; the names of all before and after. Raises Invalid.

    Projects that `actor` does not see stay as they are.
    """
    row = _whole(known)
    wanted, seen = projects_named(actor, names), list_projects(actor)
    before = list(row.projects.order_by("name"))
    after = [*wanted, *row.projects.exclude(pk__in=seen.values("pk"))]
    row.projects.set(after)
    row.is_for_all = not after
    row.save(update_fields=["is_for_all"])
    return [project.name for project in before], sorted(project.name for project in after)


def _whole(row: Template | Network) -> Template | Network:
    """Read anew, for its projects may be those alone that somebody sees; one writes them at a time."""
    if isinstance(row, Template):
        return Template.objects.select_for_update().get(pk=row.pk)
    return Network.objects.select_for_update().get(pk=row.pk)
