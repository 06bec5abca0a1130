"""Why a role holds somewhere, in words: who has it, where it was given, and the page of that place."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext, gettext_noop, ngettext

from vrabec.lib.actor import Actor
from vrabec.models.clusters import Cluster
from vrabec.models.projects import Project
from vrabec.models.users import Group, User
from vrabec.models.vms import Vm
from vrabec.services.access import Scope
from vrabec.services.permissions import may

_NEAREST_FIRST = ("vm", "project", "cluster", "site")
_HERE = {
    "owner": gettext_noop("Owner of this machine"),
    "vm": gettext_noop("Granted on this machine"),
    "project": gettext_noop("Granted on this project"),
    "cluster": gettext_noop("Granted on this cluster"),
    "site": gettext_noop("Granted on the whole site"),
}
_FROM = {
    "project": gettext_noop("From the project"),
    "cluster": gettext_noop("From the cluster"),
    "site": gettext_noop("From the whole site"),
}


def kind_of(scope: Scope | None) -> str:
    """What kind of place it is."""
    return (scope._meta.model_name or "") if scope else "site"


def width(scope: Scope | None) -> int:
    """How wide a place is: a machine is the narrowest."""
    return _NEAREST_FIRST.index(kind_of(scope))


def because(on: Scope | None, here: Scope | None, *, owns: bool = False) -> str:
    """Why what was given on `on` holds `here`; its name follows where the two are not one."""
    if owns:
        return gettext(_HERE["owner"])
    return gettext((_HERE if on == here else _FROM)[kind_of(on)])


def place(on: Scope | None, here: Scope | None) -> str:
    """The name of the place that something comes from, unless it is where the reader is."""
    return "" if on is None or on == here else shown(on)


def shown(row: User | Group | Scope) -> str:
    """The name to show."""
    if isinstance(row, Group):
        return row.title or row.name
    return row.shown_name if isinstance(row, (User, Project)) else row.name


def second(row: User | Group, members: int) -> str:
    """What stands under the name: the one by which it is named, and of groups how large it is."""
    if isinstance(row, User):
        return row.username if row.full_name else ""
    words = ngettext("Group, %(n)s person", "Group, %(n)s people", members) % {"n": members}
    return f"{row.name} · {words}" if row.title else words


def list_at(scope: Scope | None) -> str:
    """Where "Who may do what" of a scope stands."""
    if isinstance(scope, Project):
        return reverse("project", args=[scope.name])
    if scope is None:
        return reverse("site-access")
    return reverse("vm-access" if isinstance(scope, Vm) else "cluster-access", args=[scope.pk])


class Places:
    """The pages of scopes, where the reader may open them: asked once for each."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._found: dict[tuple[str, int], str] = {}

    def href(self, on: Scope | None, here: Scope | None) -> str:
        """The page of the place that something comes from; none of where the reader is."""
        if on is None or on == here:
            return ""
        key = (kind_of(on), on.pk)
        if key not in self._found:
            self._found[key] = page_of(self._actor, on)
        return self._found[key]


def page_of(actor: Actor, on: Scope) -> str:
    """The page of a project or a cluster, or "" where the reader may not open it."""
    if isinstance(on, Project):
        return reverse("project", args=[on.name]) if may(actor, "project.view", on) else ""
    if not isinstance(on, Cluster):
        return ""
    if may(actor, "site.share") and may(actor, "cluster.list", on):
        return list_at(on)
    return reverse("cluster-capacity", args=[on.pk]) if may(actor, "cluster.capacity") else ""
