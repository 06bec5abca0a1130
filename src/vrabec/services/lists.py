"""Lists of machines: one page, filtered and sorted, at a fixed number of queries however many rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.hosts import HostState
from vrabec.models.jobs import ACTIVE, Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.cells import active_jobs
from vrabec.services.permissions import require

SORTS = {
    "state": ("seen", "name", "id"),
    "name": ("name", "id"),
    "host": ("host__name", "name", "id"),
    "project": ("project__name", "name", "id"),
    "memory": ("-memory_mib", "id"),
    "cpu": ("-load__cpu_percent", "id"),
}
T = TypeVar("T")
_UNREACHABLE = Q(host__state=HostState.UNREACHABLE)
_BUSY = Q(jobs__state__in=ACTIVE)
FILTERS = {
    "crashed": Q(seen=Seen.CRASHED) & ~_UNREACHABLE,
    "unknown": _UNREACHABLE | Q(seen=Seen.UNKNOWN),
    "changing": _BUSY,
    "paused": Q(seen=Seen.PAUSED) & ~_UNREACHABLE,
    "running": Q(seen=Seen.RUNNING) & ~_UNREACHABLE,
    "off": Q(seen=Seen.OFF) & ~_UNREACHABLE,
}


@dataclass(frozen=True)
class VmQuery:
    """What to list: `search` is a part of a name or address, `state` of FILTERS, `sort` of SORTS."""

    search: str = ""
    state: str = ""
    host: str = ""
    project: str = ""
    tag: str = ""
    sort: str = "state"
    page: int = 1
    per_page: int = 50


@dataclass(frozen=True)
class VmList:
    """A page of machines with their active jobs, and how many match in all."""

    rows: list[Vm]
    total: int
    jobs: dict[int, Job] = field(default_factory=dict)


def list_vms(actor: Actor, query: VmQuery) -> VmList:
    """One page of what `actor` sees: three queries. Raises Invalid for an unknown state or sort."""
    require(actor, "vm.list")
    rows = _matching(actor, query)
    total = rows.count()
    start = (query.page - 1) * query.per_page
    shown = rows.select_related("host", "project", "template", "load").order_by(*_order(query))
    page = list(shown[start : start + query.per_page])
    return VmList(page, total, active_jobs(vm.pk for vm in page))


def _matching(actor: Actor, query: VmQuery) -> QuerySet[Vm]:
    rows: QuerySet[Vm] = Vm.objects.visible_to(actor)
    if query.search:
        text = query.search.strip()
        rows = rows.filter(Q(name__icontains=text) | Q(address__startswith=text) | Q(project__name=text))
    if query.state:
        rows = rows.filter(_known(query.state, FILTERS, "state")).distinct()
    if query.host:
        rows = rows.filter(host__name=query.host)
    if query.project:
        rows = rows.filter(project__name=query.project)
    if query.tag:
        rows = rows.filter(tag_line__contains=f" {query.tag} ")
    return rows


def _order(query: VmQuery) -> tuple[str, ...]:
    return _known(query.sort, SORTS, "sort")


def _known(key: str, table: dict[str, T], name: str) -> T:
    if key not in table:
        raise Invalid("Choose one of: %(known)s.", field=name, known=", ".join(table))
    return table[key]
