"""Networks: what hosts have to put machines on, by name, and for which projects they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Prefetch, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models.hosts import Host
from vrabec.models.networks import Network
from vrabec.models.projects import Project
from vrabec.models.vms import Vm
from vrabec.services.permissions import may, require
from vrabec.services.record import record
from vrabec.services.sharing import share
from vrabec.services.wishes import HostKind


@dataclass(frozen=True)
class Listed:
    """A network: on how many hosts (None for who may not see hosts), with how many machines that one sees.

    `projects` are names of those that it is for, as far as they are seen, where it is not for all.
    """

    name: str
    hosts: int | None
    machines: int
    projects: tuple[str, ...] = ()
    is_for_all: bool = True


def list_networks(actor: Actor) -> list[Listed]:
    """The networks that `actor` sees, by name: five queries at most."""
    require(actor, "network.list")
    hosts = Counter(name for names in _on_hosts() for name in names)
    kept = _kept(actor)
    hidden = set(Network.objects.values_list("name", flat=True)) - set(kept)
    machines = _machines(actor)
    shows_hosts = may(actor, "host.list")
    return [
        Listed(name, hosts[name] if shows_hosts else None, machines.get(name, 0), *kept.get(name, ()))
        for name in sorted(set(hosts) - hidden)
    ]


def _on_hosts() -> Iterable[list[str]]:
    return Host.objects.present().values_list("networks", flat=True)


def _kept(actor: Actor) -> dict[str, tuple[tuple[str, ...], bool]]:
    """For whom those networks are of which something is remembered, and which `actor` sees."""
    seen = Prefetch("projects", Project.objects.visible_to(actor).order_by("name"))
    rows = Network.objects.visible_to(actor).prefetch_related(seen)
    return {row.name: (tuple(project.name for project in row.projects.all()), row.is_for_all) for row in rows}


def _machines(actor: Actor) -> dict[str, int]:
    rows = Vm.objects.visible_to(actor).order_by().values_list("network").annotate(n=Count("pk"))
    return dict(rows)


def get_network(actor: Actor, *, name: str) -> Listed:
    """The network of this name. Raises NotFound."""
    found = next((network for network in list_networks(actor) if network.name == name), None)
    if found is None:
        raise NotFound("There is no network named %(name)s.", name=name[:64])
    return found


def share_network(actor: Actor, *, name: str, projects: Iterable[str]) -> Listed:
    """Say for which projects it is, by their names: none are all. Machines that are on it stay there.

    Raises NotFound, Invalid, Forbidden.
    """
    require(actor, "network.share")
    get_network(actor, name=name)
    with transaction.atomic():
        network, _ = Network.objects.get_or_create(name=name)
        before, after = share(actor, network, projects)
        record(actor, "network.share", of=network, before=before, after=after)
    return get_network(actor, name=name)


def kinds_for(project: Project) -> list[HostKind]:
    """What the hosts that are there have for the machines of a project: two queries."""
    closed = set(_closed_to(project).values_list("name", flat=True))
    present = Host.objects.present().order_by().values_list(*HostKind._fields).distinct()
    return [
        HostKind(cpus, memory_mib, [name for name in networks if name not in closed])
        for cpus, memory_mib, networks in present
    ]


def require_open(name: str, project: Project) -> None:
    """Raise Invalid for a network that is for other projects."""
    if _closed_to(project).filter(name=name).exists():
        raise Invalid(
            "The network %(network)s is not for the project %(project)s.",
            field="project",
            network=name,
            project=project.name,
        )


def _closed_to(project: Project) -> QuerySet[Network]:
    return Network.objects.closed_to(Project.objects.filter(pk=project.pk))
