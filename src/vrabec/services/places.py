"""What the frame of every page shows: how much there is of each thing, and the tree's first leaves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber

from vrabec.lib.actor import Actor
from vrabec.models.hosts import Host, HostState
from vrabec.models.templates import Template
from vrabec.models.vms import Vm
from vrabec.services.cells import active_jobs
from vrabec.services.permissions import may
from vrabec.services.projects import list_projects
from vrabec.services.states import shown_vm

LEAVES = 5
"""Machines shown under one branch; the rest is a link to the list."""
MAX_BRANCHES = 200
_FEW_BRANCHES = 6


@dataclass(frozen=True)
class Leaf:
    """A machine in the tree: `state` picks its shape, `label` is the word (a message id)."""

    id: int
    name: str
    state: str
    label: str


@dataclass(frozen=True)
class Branch:
    """A host, or for those who may not see hosts a project, with its first machines where it is open."""

    id: int
    name: str
    title: str
    state: str
    label: str
    count: int
    leaves: tuple[Leaf, ...]
    is_open: bool

    @property
    def more(self) -> int:
        """Machines that are not shown."""
        return self.count - len(self.leaves)


@dataclass(frozen=True)
class Places:
    """Counts for the menu, and the tree. `branch_kind` is "host" or "project"."""

    vms: int
    hosts: int
    templates: int
    projects: int
    branch_kind: str
    branches: tuple[Branch, ...]


@dataclass(frozen=True)
class Row:
    """A branch before its leaves are known."""

    id: int
    name: str
    title: str
    state: str
    label: str


def places(actor: Actor, *, opened: Iterable[int] = (), here: Vm | None = None) -> Places:
    """Counts and the tree for `actor`: six queries, however many hosts and machines.

    `opened` are ids of branches that the reader opened before; the branch of `here` is open, too.
    """
    kind = "host" if may(actor, "host.list") else "project"
    rows = _hosts() if kind == "host" else _projects(actor)
    column = f"{kind}_id"
    counts = _counts(actor, column)
    shown = _opened(rows, set(opened), getattr(here, column, None))
    leaves = _leaves(actor, column, shown, here)
    return Places(
        vms=sum(counts.values()),
        hosts=len(rows) if kind == "host" else 0,
        templates=Template.objects.count(),
        projects=list_projects(actor).count() if kind == "host" else len(rows),
        branch_kind=kind,
        branches=tuple(_branch(row, counts, leaves, shown) for row in rows),
    )


def branch(actor: Actor, *, branch_id: int) -> Branch | None:
    """One branch with its leaves, for a reader who opens it; None when it is not there for `actor`."""
    kind = "host" if may(actor, "host.list") else "project"
    rows = [row for row in (_hosts() if kind == "host" else _projects(actor)) if row.id == branch_id]
    column = f"{kind}_id"
    leaves = _leaves(actor, column, {branch_id}, None)
    counts = _counts(actor, column, branch_id)
    return _branch(rows[0], counts, leaves, {branch_id}) if rows else None


def host_names(actor: Actor) -> list[str]:
    """Names of the hosts, for choosing one; none for those who may not see hosts."""
    if not may(actor, "host.list"):
        return []
    return list(Host.objects.present().order_by("name").values_list("name", flat=True)[:MAX_BRANCHES])


def _hosts() -> list[Row]:
    present = Host.objects.present().order_by("name")[:MAX_BRANCHES]
    return [Row(host.pk, host.name, host.name, host.state, HostState(host.state).label) for host in present]


def _projects(actor: Actor) -> list[Row]:
    seen = list_projects(actor)[:MAX_BRANCHES]
    return [Row(project.pk, project.name, project.shown_name, "online", "") for project in seen]


def _counts(actor: Actor, column: str, only: int | None = None) -> dict[int | None, int]:
    seen: QuerySet[Vm] = Vm.objects.visible_to(actor).order_by()
    if only is not None:
        seen = seen.filter(**{column: only})
    return dict(seen.values(column).annotate(n=Count("id")).values_list(column, "n"))


def _opened(rows: list[Row], opened: set[int], here: int | None) -> set[int]:
    known = {row.id for row in rows}
    few = known if len(rows) <= _FEW_BRANCHES else {row.id for row in rows[:2]}
    return (few | (opened & known) | ({here} & known if here else set())) if here or opened else few


def _leaves(actor: Actor, column: str, shown: set[int], here: Vm | None) -> dict[int, list[Leaf]]:
    rank = Window(RowNumber(), partition_by=[F(column)], order_by=["name", "id"])
    among = Vm.objects.visible_to(actor).filter(**{f"{column}__in": shown}).annotate(rank=rank)
    vms = list(among.filter(rank__lte=LEAVES).select_related("host").order_by("name", "id"))
    if here is not None and here.pk not in {vm.pk for vm in vms}:
        vms.append(here)
    jobs = active_jobs(vm.pk for vm in vms)
    found: dict[int, list[Leaf]] = {}
    for vm in vms:
        state = shown_vm(vm, jobs.get(vm.pk), vm.host)
        found.setdefault(getattr(vm, column), []).append(Leaf(vm.pk, vm.name, state.key, state.label))
    return found


def _branch(
    row: Row, counts: dict[int | None, int], leaves: dict[int, list[Leaf]], shown: set[int]
) -> Branch:
    return Branch(
        id=row.id,
        name=row.name,
        title=row.title,
        state=row.state,
        label=row.label,
        count=counts.get(row.id, 0),
        leaves=tuple(leaves.get(row.id, ())),
        is_open=row.id in shown,
    )
