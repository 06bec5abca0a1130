"""What the frame of every page shows: how much there is of each thing, and the tree's first leaves.

In SQL, as it is drawn with each page: composing these questions took Django longer than the database takes
to answer them. Which branches an actor sees is asked as everywhere; what hangs on them follows from that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, QuerySet

from vrabec.lib.actor import Actor
from vrabec.models.bulk import marks
from vrabec.models.composed import Composed, asked, composed, counts
from vrabec.models.grants import parts_of, reached_part
from vrabec.models.hosts import Host
from vrabec.models.jobs import ACTIVE, Job
from vrabec.models.pools import Pool
from vrabec.models.projects import Project
from vrabec.models.templates import Template
from vrabec.models.vms import Vm
from vrabec.services.permissions import may
from vrabec.services.projects import list_projects
from vrabec.services.states import shown_host, shown_vm
from vrabec.services.vm_rows import Stand, aware

LEAVES = 5
"""Machines shown under one branch; the rest is a link to the list."""
MAX_BRANCHES = 200
MAX_PROJECTS = 50
"""Of these somebody may see hundreds; more of them are no tree to find one's way by."""
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
    pools: int
    templates: int
    projects: int
    branch_kind: str
    branches: tuple[Branch, ...]

    @property
    def more_projects(self) -> int:
        """Projects that the tree leaves out."""
        return self.projects - len(self.branches) if self.branch_kind == "project" else 0


@dataclass(frozen=True)
class Row:
    """A branch before its leaves are known."""

    id: int
    name: str
    title: str
    state: str
    label: str
    count: int


@dataclass(frozen=True)
class _Tree:
    """The branches, and the ids of those of which each machine is seen."""

    kind: str
    rows: list[Row]
    wholly: Collection[int]


class _LeafRow(NamedTuple):
    """A machine with the states of its host and its job, as _LEAVES asks them."""

    pk: int
    name: str
    seen: int
    state_since: datetime
    has_agent: bool
    is_managed: bool
    is_ready: bool
    host_id: int | None
    project_id: int | None
    host_state: str | None
    job_kind: str | None
    job_state: str | None


_HOSTS = f"""
    SELECT id, name, state, maintenance_since IS NOT NULL,
        (SELECT COUNT(*) FROM vrabec_vm AS vm WHERE vm.host_id = host.id AND vm.deleted_at IS NULL)
    FROM vrabec_host AS host WHERE removed_at IS NULL ORDER BY name LIMIT {MAX_BRANCHES}
"""  # noqa: S608 - a number of ours
_PROJECTS = """
    SELECT id, name, title,
        (SELECT COUNT(*) FROM vrabec_vm AS vm WHERE vm.project_id = project.id AND vm.deleted_at IS NULL),
        id IN (%(whole)s)
    FROM vrabec_project AS project WHERE id IN (%(ids)s) ORDER BY name LIMIT %(most)s
"""
_FIRST = (
    "SELECT id FROM (SELECT id FROM vrabec_vm WHERE {kind}_id = %s AND deleted_at IS NULL"  # noqa: S608
    f" ORDER BY name, id LIMIT {LEAVES}) AS first"
)
_LEAVES = """
    SELECT vm.id, vm.name, vm.seen, vm.state_since, vm.has_agent, vm.is_managed, vm.is_ready, vm.host_id,
        vm.project_id, host.state, job.kind, job.state
    FROM vrabec_vm AS vm
    LEFT JOIN vrabec_host AS host ON host.id = vm.host_id
    LEFT JOIN vrabec_job AS job ON job.vm_id = vm.id AND job.state IN %(active)s
    WHERE vm.id IN (%(ids)s)
    ORDER BY vm.name, vm.id
"""


def places(
    actor: Actor, *, opened: Iterable[int] = (), here: Vm | None = None, seen_vms: int | None = None
) -> Places:
    """Counts and the tree for `actor`: three queries, one more where projects are seen in part.

    `opened` are ids of branches that the reader opened before; the branch of `here` is open, too.
    `seen_vms` is how many machines `actor` sees, where the page has counted them.
    """
    kind = _kind(actor)
    tree = _tree(actor, kind)
    rows = tree.rows
    shown = _opened(rows, set(opened), getattr(here, f"{kind}_id", None))
    leaves = _leaves(actor, tree, shown, here)
    pools, templates, projects, *vms = counts(_amounts(actor, with_vms=seen_vms is None))
    return Places(
        vms=sum(vms) if seen_vms is None else seen_vms,
        hosts=len(rows) if kind == "host" else 0,
        pools=pools,
        templates=templates,
        projects=projects,
        branch_kind=kind,
        branches=tuple(_branch(row, leaves, shown) for row in rows),
    )


def branch(actor: Actor, *, branch_id: int) -> Branch | None:
    """One branch with its leaves, for a reader who opens it; None when it is not there for `actor`."""
    kind = _kind(actor)
    tree = _tree(actor, kind)
    row = next((row for row in tree.rows if row.id == branch_id), None)
    return _branch(row, _leaves(actor, tree, {branch_id}, None), {branch_id}) if row else None


def host_names(actor: Actor) -> list[str]:
    """Names of the hosts, for choosing one; none for those who may not see hosts."""
    if not may(actor, "host.list"):
        return []
    return [name for (name,) in composed(_names).rows()]


def _pool_ids(actor: Actor) -> QuerySet[Pool, Any]:
    pools = Pool.objects.filter(host__removed_at=None).values_list("pk")
    return pools if may(actor, "pool.list") else pools.none()


def _template_ids(actor: Actor) -> QuerySet[Template, Any]:
    return Template.objects.visible_to(actor).values_list("pk")


def _names() -> QuerySet[Host, Any]:
    return Host.objects.present().order_by("name").values_list("name")[:MAX_BRANCHES]


def _kind(actor: Actor) -> str:
    return "host" if may(actor, "host.list") else "project"


def _tree(actor: Actor, kind: str) -> _Tree:
    """The first branches that `actor` sees."""
    if kind == "host":
        hosts = [_host_row(*values) for values in asked(_HOSTS)]
        return _Tree(kind, hosts, {row.id for row in hosts})
    seen, whole = composed(_project_ids, actor.viewpoint), composed(_whole_ids, actor.viewpoint)
    if not seen.text:
        return _Tree(kind, [], set())
    text = _PROJECTS % {"ids": seen.text, "whole": whole.text or "NULL", "most": MAX_PROJECTS}
    found = asked(text, whole.values + seen.values)
    wholly = {pk for pk, *_, is_whole in found if is_whole}
    seen_in = {} if len(wholly) == len(found) else dict(composed(_counts, actor.viewpoint).rows())
    rows = [
        Row(pk, name, title or name, "online", "", count if is_whole else seen_in.get(pk, 0))
        for pk, name, title, count, is_whole in found
    ]
    return _Tree(kind, rows, wholly)


def _amounts(actor: Actor, *, with_vms: bool) -> list[Composed]:
    """Pools for who sees them all, templates, projects, and machines in their parts."""
    number = parts_of(actor, "vm.view") if with_vms else 0
    parts = (composed(_ids_of_part, actor.viewpoint, part) for part in range(number))
    shown = (_pool_ids, _template_ids, _project_ids)
    return [*(composed(ids, actor.viewpoint) for ids in shown), *parts]


def _whole_ids(actor: Actor) -> QuerySet[Project, Any]:
    """Projects of which they see each machine."""
    whole = Project.objects.open_to(actor, "vm.view").order_by().values_list("pk")
    return whole.none() if "vm.view" in actor.held.withheld else whole


def _counts(actor: Actor) -> QuerySet[Vm, Any]:
    return Vm.objects.visible_to(actor).order_by().values_list("project_id").annotate(n=Count("pk"))


def _first_of(actor: Actor, project_id: int) -> QuerySet[Vm, Any]:
    return (
        Vm.objects.visible_to(actor)
        .filter(project=project_id)
        .order_by("name", "id")
        .values_list("pk")[:LEAVES]
    )


def _ids_of_part(actor: Actor, part: int) -> QuerySet[Vm, Any]:
    return Vm.objects.present().filter(reached_part(actor, "vm.view", part)).values_list("pk")


def _project_ids(actor: Actor) -> QuerySet[Project, Any]:
    return list_projects(actor).order_by().values("pk")


def _host_row(pk: int, name: str, state: str, in_maintenance: object, count: int) -> Row:
    return Row(pk, name, name, *shown_host(state, in_maintenance=bool(in_maintenance)), count)


def _opened(rows: list[Row], opened: set[int], here: int | None) -> set[int]:
    known = {row.id for row in rows}
    few = known if len(rows) <= _FEW_BRANCHES else {row.id for row in rows[:2]}
    return (few | (opened & known) | ({here} & known if here else set())) if here or opened else few


def _leaves(
    actor: Actor, tree: _Tree, shown: Collection[int], here: Vm | None
) -> dict[int | None, list[Leaf]]:
    """The first machines of each of these branches, and `here`."""
    parts, wanted = _firsts(actor, tree, shown)
    if here is not None:
        parts, wanted = [*parts, "SELECT id FROM vrabec_vm WHERE id = %s"], [*wanted, here.pk]
    if not wanted:
        return {}
    text = _LEAVES % {"active": f"({marks(ACTIVE)})", "ids": " UNION ALL ".join(parts)}
    found: dict[int | None, list[Leaf]] = {}
    for row in map(_LeafRow._make, asked(text, [*ACTIVE, *wanted])):
        found.setdefault(row.host_id if tree.kind == "host" else row.project_id, []).append(_leaf(row))
    return found


def _firsts(actor: Actor, tree: _Tree, shown: Collection[int]) -> tuple[list[str], list[Any]]:
    """SQL for the first machines of each branch, of a project those that are seen, and its values."""
    wholly = [pk for pk in shown if pk in tree.wholly]
    found = [composed(_first_of, actor.viewpoint, pk) for pk in shown if pk not in tree.wholly]
    texts = [f"SELECT pk FROM ({one.text}) AS first" for one in found if one.text]  # noqa: S608 - ours
    first = _FIRST.format(kind=tree.kind)
    return [first] * len(wholly) + texts, [*wholly, *(value for one in found for value in one.values)]


def _leaf(row: _LeafRow) -> Leaf:
    job = Job(kind=row.job_kind, state=row.job_state) if row.job_kind and row.job_state else None
    since = aware(row.state_since)
    stand = Stand(row.host_state, since) if row.host_state else None
    state = shown_vm(row._replace(state_since=since), job, stand)
    return Leaf(row.pk, row.name, state.key, state.label)


def _branch(row: Row, leaves: dict[int | None, list[Leaf]], shown: set[int]) -> Branch:
    return Branch(**vars(row), leaves=tuple(leaves.get(row.id, ())), is_open=row.id in shown)
