"""Quotas: what the machines of a project and of their owner may take in all, and what they take.

Asked in the transaction that reserves, under placement's lock, so that fifty at once do not take one twice.
Administrators are bound as everybody is: they can raise a quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid, QuotaExceeded
from vrabec.lib.units import show_mib
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.quotas import KINDS, LIMITS, Quota
from vrabec.models.users import Group, User
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.holders import holder_named
from vrabec.services.permissions import may, refused, require
from vrabec.services.placement import take_lock
from vrabec.services.projects import get_project
from vrabec.services.record import record

Payer = Project | User | Group
MOST = 2**31 - 1
"""The largest limit."""


@dataclass(frozen=True)
class Amounts:
    """Machines, CPUs, memory and disk (MiB); those that run take of CPUs and memory what `running_` says."""

    vms: int = 0
    cpus: int = 0
    memory_mib: int = 0
    disk_mib: int = 0
    running_cpus: int = 0
    running_memory_mib: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(*(a + b for a, b in zip(self._values, other._values, strict=True)))

    @property
    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True)
class Limits:
    """How much at most; None is no limit. `counts_running` as in models/quotas.py."""

    vms: int | None = None
    cpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None
    counts_running: bool = False

    @property
    def are_any(self) -> bool:
        """Whether anything is limited."""
        return any(getattr(self, what) is not None for what in LIMITS)


@dataclass(frozen=True)
class Budget:
    """What somebody may take and takes. `is_own`: the limits are theirs, else those of their kind."""

    kind: str
    name: str
    limits: Limits
    used: Amounts
    is_own: bool = False

    def taken(self, what: str) -> int:
        """How much of one of LIMITS counts."""
        counted = f"running_{what}" if self.limits.counts_running and what in ("cpus", "memory_mib") else what
        return int(getattr(self.used, counted))

    def left(self, what: str) -> int | None:
        """How much more fits; below 0 when the quota was lowered since. None is no limit."""
        most = getattr(self.limits, what)
        return None if most is None else int(most) - self.taken(what)


class Purse:
    """Budgets that are read once and spent from: for one machine, or for many in one transaction."""

    def __init__(self) -> None:
        self._budgets: dict[tuple[str, int], Budget] = {}

    def take(self, payers: Iterable[Payer], more: Amounts) -> None:
        """Take so much from each. Raises QuotaExceeded, and takes nothing, where it does not fit."""
        found = [(_key(payer), self._budget(payer)) for payer in payers]
        for _, budget in found:
            _require(budget, more)
        for key, budget in found:
            self._budgets[key] = Budget(**(vars(budget) | {"used": budget.used + more}))

    def _budget(self, payer: Payer) -> Budget:
        key = _key(payer)
        if key not in self._budgets:
            self._budgets[key] = budget_of(payer, is_shown=False)
        return self._budgets[key]


def payers_of(vm: Vm) -> list[Payer]:
    """Whose quotas a machine counts in: its project's and its owner's."""
    return [payer for payer in (vm.project, vm.owner, vm.owner_group) if payer]


def amounts_of(vm: Vm, *, runs: bool) -> Amounts:
    """What a machine takes, when it runs or does not."""
    cpus = max(vm.cpus, vm.next_cpus or 0)
    memory_mib = max(vm.memory_mib, vm.next_memory_mib or 0)
    on = (cpus, memory_mib) if runs else (0, 0)
    return Amounts(1, cpus, memory_mib, vm.disk_mib, *on)


def runs_or_should(vm: Vm) -> bool:
    """Whether it counts as one that runs."""
    return vm.wished == Wished.ON or vm.seen in (Seen.RUNNING, Seen.PAUSED)


def starting(vm: Vm) -> Amounts:
    """What a start adds: nothing for one that should run already."""
    here = amounts_of(vm, runs=not runs_or_should(vm))
    return Amounts(running_cpus=here.running_cpus, running_memory_mib=here.running_memory_mib)


def budget_of(payer: Payer, *, is_shown: bool = True) -> Budget:
    """What somebody may take, and takes: three queries; one where nothing is limited and nobody reads it."""
    kind = payer._meta.model_name or ""
    limits, is_own = _limits(kind, payer)
    name = payer.username if isinstance(payer, User) else payer.name
    used = _used(kind, payer) if is_shown or limits.are_any else Amounts()
    return Budget(kind, name, limits, used, is_own)


def budgets(actor: Actor, *, project: Project | None = None) -> list[Budget]:
    """What a new machine of the actor's in this project would count in. Raises Forbidden."""
    if project:
        require(actor, "project.view", project)
    user = User.objects.filter(pk=actor.user_id).first()
    return [budget_of(payer) for payer in (project, user) if payer]


def budgets_of_vm(actor: Actor, *, vm: Vm) -> list[Budget]:
    """The budgets that a machine counts in, of those that the actor may read."""
    return [budget_of(payer) for payer in payers_of(vm) if _may_read(actor, payer)]


def read_budget(actor: Actor, *, payer: Payer) -> Budget:
    """What a project, a user or a group may take, and takes; of oneself and one's groups everybody reads it.

    Raises Forbidden.
    """
    if not _may_read(actor, payer):
        raise refused(actor, "project.view" if isinstance(payer, Project) else "quota.view")
    return budget_of(payer)


def _may_read(actor: Actor, payer: Payer) -> bool:
    if isinstance(payer, Project):
        return may(actor, "project.view", payer)
    return _is_mine(actor, payer) or may(actor, "quota.view")


def _is_mine(actor: Actor, payer: User | Group) -> bool:
    if isinstance(payer, User):
        return payer.pk == actor.user_id
    return payer.memberships.filter(user_id=actor.user_id).exists()


def payer_named(actor: Actor, *, project: str = "", user: str = "", group: str = "") -> Payer:
    """Whose quota is meant; the actor's own without a name.

    Raises NotFound, Invalid for more than one and for who is not there, Forbidden.
    """
    if sum(bool(name) for name in (project, user, group)) > 1:
        raise Invalid("Name a project, a user or a group, one of them at most.", field="project")
    if project:
        return get_project(actor, name=project)
    if not user and not group:
        return User.objects.get(pk=actor.user_id)
    me = User.objects.filter(pk=actor.user_id, username=user.replace("\0", ""))
    my_group = Group.objects.filter(memberships__user_id=actor.user_id, name=group.replace("\0", ""))
    if not (me if user else my_group).exists():  # first: who may not read it does not hear who there is
        require(actor, "quota.view")
    return holder_named(user=user, group=group).row


def defaults() -> dict[str, Limits]:
    """The limits of every kind: of all that have none of their own."""
    return {kind: default_limits(kind) for kind in KINDS}


def default_limits(kind: str) -> Limits:
    """The limits of all of a kind that have none of their own."""
    return _of(Quota.objects.filter(kind=kind, user=None, group=None, project=None).first())


def set_limits(actor: Actor, *, kind: str, limits: Limits | None, name: str = "") -> Limits:
    """Write the limits of somebody, or without a name of all of the kind that have none of their own.

    None for `limits` takes them away. What is taken already stays. Raises NotFound, Invalid, Forbidden.
    """
    require(actor, "quota.change")
    if kind not in KINDS:
        raise Invalid("Choose one of: %(known)s.", field="kind", known=", ".join(KINDS))
    _check(limits)
    payer = payer_named(actor, **{kind: name}) if name else None
    holder: dict[str, Any] = {name: payer if name == kind else None for name in KINDS}
    with transaction.atomic():
        take_lock()
        before = _of(Quota.objects.filter(kind=kind, **holder).first())
        if limits is None:
            Quota.objects.filter(kind=kind, **holder).delete()
        else:
            Quota.objects.update_or_create(defaults=asdict(limits), kind=kind, **holder)
        after = asdict(limits or Limits())
        row = payer or Quota(kind=kind)
        record(actor, "quota.change", of=row, what=kind, before=asdict(before), after=after)
    return _limits(kind, payer)[0] if payer else default_limits(kind)


def _check(limits: Limits | None) -> None:
    for name in LIMITS if limits else ():
        value = getattr(limits, name)
        if value is not None and not 0 <= value <= MOST:
            raise Invalid("A limit is 0 to %(most)s, or none.", field=name, most=MOST)


def _limits(kind: str, payer: Payer) -> tuple[Limits, bool]:
    """The limits that hold, and whether they are the payer's own: one query."""
    own = Q(**{kind: payer}) | Q(user=None, group=None, project=None)
    rows = list(Quota.objects.filter(own, kind=kind))
    rows.sort(key=lambda row: getattr(row, f"{kind}_id") is None)
    found = rows[0] if rows else None
    return _of(found), bool(found and getattr(found, f"{kind}_id"))


def _of(row: Quota | None) -> Limits:
    if row is None:
        return Limits()
    return Limits(*(getattr(row, one.name) for one in fields(Limits)))


def _used(kind: str, payer: Payer) -> Amounts:
    """What its machines take, with what jobs are about to give them: two queries."""
    column = {"project": "project", "user": "owner", "group": "owner_group"}[kind]
    vms = Vm.objects.present().filter(**{column: payer})
    used = Amounts(**{name[2:]: value or 0 for name, value in vms.aggregate(**_SUMS).items()})
    for more in _growing(vms):
        used += more
    return used


_CPUS = Greatest(F("cpus"), Coalesce(F("next_cpus"), 0))
_MEMORY = Greatest(F("memory_mib"), Coalesce(F("next_memory_mib"), 0))
_ON = Q(wished=Wished.ON) | Q(seen__in=(Seen.RUNNING, Seen.PAUSED))
_SUMS = {
    "n_vms": Count("pk"),
    "n_cpus": Sum(_CPUS),
    "n_memory_mib": Sum(_MEMORY),
    "n_disk_mib": Sum("disk_mib"),
    "n_running_cpus": Sum(Case(When(_ON, then=_CPUS), default=Value(0))),
    "n_running_memory_mib": Sum(Case(When(_ON, then=_MEMORY), default=Value(0))),
}
"""The fields of Amounts; with their names Django would take them for columns."""


def _growing(vms: QuerySet[Vm]) -> Iterator[Amounts]:
    """What resizes that are queued or run add to what the rows say."""
    for job in Job.objects.active().filter(kind="vm.resize", vm__in=vms).select_related("vm"):
        if job.vm:
            yield growth(job.vm, job.args)


def growth(vm: Vm, sizes: dict[str, int]) -> Amounts:
    """What other sizes add to a machine; what shrinks adds nothing."""
    has = amounts_of(vm, runs=runs_or_should(vm))
    wanted = {name: sizes.get(name) or 0 for name in LIMITS[1:]}
    more = {name: max(0, value - getattr(has, name)) for name, value in wanted.items()}
    on = (more["cpus"], more["memory_mib"]) if runs_or_should(vm) else (0, 0)
    return Amounts(0, more["cpus"], more["memory_mib"], more["disk_mib"], *on)


def _require(budget: Budget, more: Amounts) -> None:
    asks = Budget(budget.kind, budget.name, budget.limits, more)
    for what in LIMITS:
        left, wanted = budget.left(what), asks.taken(what)
        if left is not None and wanted > max(left, 0):
            raise QuotaExceeded(
                _WORDS[budget.kind],
                field="" if what == "vms" else what,
                name=budget.name,
                most=shown(what, getattr(budget.limits, what)),
                taken=shown(what, budget.taken(what)),
                wanted=shown(what, wanted),
            )


_WORDS = {
    "project": "The project %(name)s may have %(most)s and has %(taken)s; this would take %(wanted)s more. "
    "Remove something, or ask an administrator for more.",
    "user": "You may have %(most)s and have %(taken)s; this would take %(wanted)s more. "
    "Remove something, or ask an administrator for more.",
    "group": "The group %(name)s may have %(most)s and has %(taken)s; this would take %(wanted)s more. "
    "Remove something, or ask an administrator for more.",
}


def shown(what: str, amount: int) -> str:
    """An amount of one of LIMITS, with its unit."""
    if what in ("memory_mib", "disk_mib"):
        return f"{show_mib(amount)} of {'memory' if what == 'memory_mib' else 'disk'}"
    one = "machine" if what == "vms" else "CPU"
    return f"{amount} {one}{'' if amount == 1 else 's'}"


def _key(payer: Payer) -> tuple[str, int]:
    return payer._meta.model_name or "", payer.pk
