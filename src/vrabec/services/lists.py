"""Lists of machines: one page, filtered and sorted, at a fixed number of queries however many rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.composed import composed, counts
from vrabec.models.grants import parts_of, reached, reached_part
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services.cells import active_jobs
from vrabec.services.permissions import may, require
from vrabec.services.search import STATES, has_tag, in_project, matching, moment_of, on_host
from vrabec.services.vm_rows import Listed, listed

SORTS = {
    "state": ("seen", "name", "id"),
    "name": ("name", "id"),
    "host": ("host__name", "name", "id"),
    "project": ("project__name", "name", "id"),
    "memory": ("-memory_mib", "id"),
    "cpu": ("-load__cpu_percent", "id"),
}
COLUMNS = ("host", "project", "address", "cpu", "memory", "disk", "cpus", "template", "network", "mac", "by",
           "created", "lease")  # fmt: skip
"""What a list can show beside state and name."""
USUAL_COLUMNS = COLUMNS[:6]
PER_PAGE = (50, 100, 200)
"""How many rows a page of the list has for people, the usual first. Programs have REST's own limit."""
PART = 500
_SHOWN = ("host", "project", "template", "load", "created_by", "owner", "owner_group")
T = TypeVar("T")


@dataclass(frozen=True)
class VmQuery:
    """What to list: `search` as search.py has it, `name` a whole one, `state` of STATES, `sort` of SORTS.

    `at` is the moment that the search is about, None for now.
    """

    search: str = ""
    name: str = ""
    state: str = ""
    host: str = ""
    project: str = ""
    tag: str = ""
    sort: str = "state"
    page: int = 1
    per_page: int = PER_PAGE[0]
    at: datetime | None = None


@dataclass(frozen=True)
class VmList:
    """A page of machines with their active jobs, and how many match in all."""

    rows: list[Vm]
    total: int
    jobs: dict[int, Job] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """The ids of a page's machines in their order, and how many match in all."""

    ids: list[int]
    total: int


def list_vms(actor: Actor, query: VmQuery) -> VmList:
    """One page of what `actor` sees: four queries. Raises Invalid for an unknown state or sort."""
    found = page_of(actor, query)
    rows = Vm.objects.select_related(*_SHOWN).in_bulk(found.ids)
    page = [rows[vm_id] for vm_id in found.ids if vm_id in rows]
    return VmList(page, found.total, active_jobs(found.ids))


def page_of(actor: Actor, query: VmQuery) -> Page:
    """As `list_vms`, the ids alone, which indexes give: two queries."""
    require(actor, "vm.list")
    query = replace(query, at=moment_of(query.search))  # what is composed is kept for longer than a moment
    who, all_of_it = actor.viewpoint, replace(query, page=1, sort="name")
    parts = [composed(_ids_of_part, who, all_of_it, part) for part in range(parts_of(who, "vm.view"))]
    total = sum(counts(parts))
    return Page([vm_id for (vm_id,) in composed(_page_ids, who, query).rows()], total)


def _all_ids(actor: Actor, query: VmQuery) -> QuerySet[Vm, Any]:
    return found_vms(actor, query).values_list("pk")


def _ids_of_part(actor: Actor, query: VmQuery, part: int) -> QuerySet[Vm, Any]:
    return _found(query, actor).filter(reached_part(actor, "vm.view", part)).values_list("pk")


def _page_ids(actor: Actor, query: VmQuery) -> QuerySet[Vm, Any]:
    start = (query.page - 1) * query.per_page
    return _all_ids(actor, query).order_by(*_order(query))[start : start + query.per_page]


def is_all(query: VmQuery) -> bool:
    """Whether it leaves nothing out."""
    return not any(getattr(query, name) for name in ("search", "state", "name", "host", "project", "tag"))


def every_vm(actor: Actor, query: VmQuery) -> Iterator[tuple[Listed, Job | None]]:
    """All that `actor` sees and `query` finds, in its order, with their active jobs: three queries a PART.

    Raises Invalid. What goes meanwhile, or out of the actor's sight, is left out.
    """
    require(actor, "vm.list")
    ids = list(found_vms(actor, query).order_by(*_order(query)).values_list("pk", flat=True))
    for start in range(0, len(ids), PART):
        part = ids[start : start + PART]
        seen = set(Vm.objects.visible_to(actor).filter(pk__in=part).values_list("pk", flat=True))
        rows = listed([pk for pk in part if pk in seen])
        jobs = active_jobs(row.pk for row in rows if row.has_job)
        yield from ((row, jobs.get(row.pk)) for row in rows)


def without_each(actor: Actor, query: VmQuery) -> dict[str, int]:
    """How many machines there would be without each of the query's conditions, where that finds any."""
    asked = [name for name in ("search", "state", "host", "project", "tag") if getattr(query, name)]
    counts = {name: found_vms(actor, _without(query, name)).count() for name in asked}
    return {name: count for name, count in counts.items() if count}


def _without(query: VmQuery, name: str) -> VmQuery:
    empty: dict[str, Any] = {name: ""}
    return replace(query, **empty)


def found_vms(actor: Actor, query: VmQuery) -> QuerySet[Vm]:
    """All machines that `actor` sees and `query` finds, in no order. Raises Invalid."""
    # What is seen comes last: SQLite asks in this order, and compares a name sooner than it looks up grants.
    return _found(query, actor).filter(reached(actor, "vm.view"))


def _found(query: VmQuery, actor: Actor) -> QuerySet[Vm]:
    """Machines that the query finds, whoever sees them; the actor decides what a search may ask."""
    rows: QuerySet[Vm] = Vm.objects.present()
    if query.search:
        rows = rows.filter(matching(actor, query.search, query.at))
    if query.state:
        rows = rows.filter(_known(query.state, STATES, "state"))
    if query.tag:
        rows = rows.filter(has_tag(query.tag))
    if any("\0" in value for value in (query.name, query.host, query.project)):
        return rows.none()  # PostgreSQL takes none, and no name has one
    if query.name:
        rows = rows.filter(name=query.name)
    if query.host:
        _require_hosts(actor)
        rows = rows.filter(on_host(query.host))
    return rows.filter(in_project(query.project)) if query.project else rows


def _require_hosts(actor: Actor) -> None:
    """Who may not know where machines are is not told by what a filter leaves. Raises Invalid."""
    if not may(actor, "host.view"):
        raise Invalid("Only who may see hosts lists machines by their host.", field="host")


def _order(query: VmQuery) -> tuple[str, ...]:
    return _known(query.sort, SORTS, "sort")


def _known(key: str, table: dict[str, T], name: str) -> T:
    if key not in table:
        raise Invalid("Choose one of: %(known)s.", field=name, known=", ".join(table))
    return table[key]
