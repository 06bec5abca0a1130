"""Access: who has which role where, which verbs are withheld, whose a machine is."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, When

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound
from vrabec.models.changes import changed
from vrabec.models.clusters import Cluster
from vrabec.models.grants import SCOPES, Grant, Withheld, holding, mine, of_projects
from vrabec.models.hosts import Host
from vrabec.models.projects import Project
from vrabec.models.roles import ADMINISTRATOR, OWNED
from vrabec.models.vms import Vm
from vrabec.services.administrators import keep_one
from vrabec.services.clusters import get_cluster
from vrabec.services.holders import Holder, holder_named
from vrabec.services.leases import MOST_DAYS, shown_day
from vrabec.services.people import actor_of
from vrabec.services.permissions import Rights, may, require, rights
from vrabec.services.placement import take_lock
from vrabec.services.projects import get_project
from vrabec.services.quotas import Purse, amounts_of, runs_or_should
from vrabec.services.record import record
from vrabec.services.roles import GRANTABLE, Described, list_roles, role_named
from vrabec.services.verb_words import words_of_all
from vrabec.services.vms import get_vm

Scope = Cluster | Project | Vm
_SHOWN = ("user", "group", *SCOPES)
ON_MACHINES = frozenset(verb for verb in GRANTABLE if verb.startswith(("vm.", "job."))) - {
    "vm.create",
    "vm.place",
}
"""Verbs that say something of a single machine."""
_WITHIN = frozenset(verb for verb in GRANTABLE if verb.startswith(("vm.", "job.", "project."))) - {
    "project.create"
}
"""Verbs that say something of a project or of what is in it."""
_ON_CLUSTERS = (
    ON_MACHINES | frozenset(verb for verb in GRANTABLE if verb.startswith(("host.", "cluster.", "pool.")))
) - {"host.add", "host.look", "cluster.create", "cluster.capacity"}
"""Verbs that say something of a cluster, its hosts, or the machines on them: projects are in none."""


@dataclass(frozen=True)
class Where:
    """A scope by name, at most one: none is the site."""

    cluster: int | None = None
    project: str = ""
    vm: int | None = None


@dataclass(frozen=True)
class Offer:
    """A role, whether it would give anything on a scope, and whether the actor has all of it there."""

    role: Described
    has_use: bool
    in_reach: bool


def scope_at(actor: Actor, where: Where) -> Scope | None:
    """The scope, if `actor` may see it. Raises NotFound, Forbidden, Invalid for more than one."""
    if sum(bool(value) for value in (where.cluster, where.project, where.vm)) > 1:
        raise Invalid("Name a cluster, a project or a machine, one of them at most.", field="project")
    if where.project:
        return get_project(actor, name=where.project)
    if where.vm:
        return get_vm(actor, vm_id=where.vm)
    return get_cluster(actor, cluster_id=where.cluster) if where.cluster else None


def list_grants(actor: Actor, *, scope: Scope | None) -> QuerySet[Grant]:
    """What is given on the scope and on what it is part of, the widest first: one query. Raises Forbidden."""
    require_share(actor, scope)
    widest_first = [F(name).asc(nulls_first=True) for name in ("vm", "project", "cluster")]
    rows = Grant.objects.filter(reaching(scope), holding())
    return rows.select_related(*_SHOWN).order_by(*widest_first, "pk")


def reaching(scope: Scope | None) -> Q:
    """Grants on the scope, and on all that it lies in."""
    found = Q(cluster=None, project=None, vm=None)
    if isinstance(scope, Vm):
        host = Host.objects.filter(pk=scope.host_id or 0).values("cluster_id")
        return found | Q(vm=scope) | Q(project=scope.project_id or 0) | Q(cluster__in=host)
    return found | Q(**{_kind(scope): scope}) if scope else found


def give(actor: Actor, *, holder: Holder, role: str, scope: Scope | None, until: date | None = None) -> Grant:
    """Give a user or a group a role on the scope, until the end of a day (UTC) or for good.

    Who has it there already has it until then now. Nobody gives more than they have themselves there, nor for
    longer. Raises Invalid, Conflict when they have just that already, Forbidden.
    """
    require_share(actor, scope)
    wanted = role_named(actor, role)
    if role == ADMINISTRATOR and scope is not None:
        raise Invalid("The role administrator is given on the whole site alone.", field="role")
    _require_no_more(actor, wanted, scope)
    _require_no_longer(actor, wanted, scope, until)
    place = dict.fromkeys(SCOPES) | ({_kind(scope): scope} if scope else {})
    wish = Grant(role=role, until=until, **holder.columns, **place)
    try:
        with transaction.atomic(), keep_one() if role == ADMINISTRATOR else nullcontext():
            made = _give(actor, wish)
            changed("grant", made.user_id or 0)
    except IntegrityError as error:
        raise _has_it(wish) from error
    return made


def _give(actor: Actor, wish: Grant) -> Grant:
    """Write a grant, or the other end of the one that is there. Raises Conflict where nothing changes."""
    columns = {name: getattr(wish, name) for name in (*_SHOWN, "role")}
    found = Grant.objects.select_for_update().filter(**columns).first()
    holder = Holder(wish.user, wish.group)
    said: dict[str, Any] = {"role": wish.role, "to": holder.name}
    if found is None:
        wish.save()
        end: dict[str, Any] = {"until": wish.until.isoformat()} if wish.until else {}
        record(actor, "grant.give", of=scope_of(wish) or holder.row, **said, **end)
        return wish
    if found.until == wish.until:
        raise _has_it(wish)
    ends: dict[str, Any] = {"before": _day(found.until), "after": _day(wish.until)}
    Grant.objects.filter(pk=found.pk).update(until=wish.until)
    record(actor, "grant.change", of=scope_of(wish) or holder.row, **said, **ends)
    wish.pk, wish.created_at = found.pk, found.created_at
    return wish


def _has_it(wish: Grant) -> Conflict:
    name = Holder(wish.user, wish.group).name
    return Conflict("%(name)s has this role there already.", name=name, field="role")


def _day(day: date | None) -> str:
    return day.isoformat() if day else "never"


def take(actor: Actor, *, grant_id: int) -> Scope | None:
    """Take a role back, and say where; what was given to oneself everybody may.

    Raises NotFound, Conflict, Forbidden.
    """
    grant = Grant.objects.filter(pk=grant_id).select_related(*_SHOWN).first()
    if grant is None or not _sees(actor, grant):
        raise NotFound("There is no grant with this id.")
    scope, holder = scope_of(grant), Holder(grant.user, grant.group)
    if grant.user_id != actor.user_id:
        require_share(actor, scope)
        _require_no_more(actor, _described(actor, grant.role), scope)
    with transaction.atomic(), keep_one():
        record(actor, "grant.take", of=scope or holder.row, role=grant.role, to=holder.name)
        grant.delete()
        changed("grant", grant.user_id or 0)
    return scope


def own_grants(actor: Actor, *, scope: Scope) -> QuerySet[Grant]:
    """What the actor was given on the scope by name, which they may give up."""
    return Grant.objects.filter(holding(), user_id=actor.user_id, **{_kind(scope): scope}).order_by("pk")


def offers(actor: Actor, *, scope: Scope | None) -> list[Offer]:
    """Every role, and whether the actor may give it there, and take it back. Raises Forbidden."""
    require_share(actor, scope)
    own = rights(actor, [scope] if scope else [])
    return [
        Offer(role, _has_use(role, scope), actor.is_administrator or not _too_much(own, role, scope))
        for role in list_roles(actor)
    ]


def _has_use(role: Described, scope: Scope | None) -> bool:
    return scope is None or (role.name != ADMINISTRATOR and bool(role.verbs & verbs_on(scope)))


def verbs_on(scope: Scope | None) -> frozenset[str]:
    """The verbs that say something of the scope, or of what lies in it."""
    if scope is None:
        return GRANTABLE
    if isinstance(scope, Project):
        return _WITHIN
    return ON_MACHINES if isinstance(scope, Vm) else _ON_CLUSTERS


def scope_of(grant: Grant) -> Scope | None:
    """What it was given on; None is the site."""
    return grant.vm or grant.project or grant.cluster


def list_withheld(actor: Actor, *, vm: Vm) -> QuerySet[Withheld]:
    """What is withheld on a machine, and from whom; `is_mine`: from the actor, or a group of theirs.

    Raises Forbidden.
    """
    require(actor, "vm.share", vm)
    rows = Withheld.objects.filter(vm=vm).annotate(is_mine=Case(When(mine(actor), then=True), default=False))
    return rows.select_related("user", "group").order_by("pk")


def withhold(actor: Actor, *, vm: Vm, holder: Holder, verb: str) -> Withheld:
    """Let a user or a group not do `verb` on a machine, whatever else gives it to them.

    Raises Invalid, Conflict when it is withheld already, Forbidden.
    """
    require(actor, "vm.share", vm)
    if not verb.startswith("vm.") or verb not in GRANTABLE:
        raise Invalid("There is no verb %(verb)s on machines.", field="verb", verb=verb[:64])
    try:
        with transaction.atomic():
            made = Withheld.objects.create(vm=vm, verb=verb, **holder.columns)
            record(actor, "vm.withhold", of=vm, verb=verb, to=holder.name)
            changed("grant", made.user_id or 0)
    except IntegrityError as error:
        raise Conflict("It is withheld from %(name)s already.", name=holder.name, field="verb") from error
    return made


def give_back(actor: Actor, *, vm: Vm, withheld_id: int) -> None:
    """End that a verb is withheld: not from oneself. Raises NotFound, Forbidden."""
    row = list_withheld(actor, vm=vm).filter(pk=withheld_id).first()
    if row is None:
        raise NotFound("Nothing with this id is withheld on the machine.")
    if not may_give_back(actor, row):
        raise Forbidden("What is withheld from yourself somebody else gives back.")
    with transaction.atomic():
        record(actor, "vm.give_back", of=vm, verb=row.verb, to=Holder(row.user, row.group).name)
        row.delete()
        changed("grant", row.user_id or 0)


def may_give_back(actor: Actor, row: Withheld) -> bool:
    """Whether the actor may end it: not what is withheld from themselves. `row` is of `list_withheld`."""
    return actor.is_administrator or not row.is_mine  # type: ignore[attr-defined]


def transfer(actor: Actor, *, vm: Vm, user: str = "", group: str = "") -> Vm:
    """Make a machine somebody else's, or with neither its project's.

    Raises Invalid for who has no part in its project, Forbidden.
    """
    require(actor, "vm.share", vm)
    holder = holder_named(user=user, group=group) if user or group else Holder()
    if holder.name:
        _require_part(holder, vm)
    before = Holder(vm.owner, vm.owner_group).name
    with transaction.atomic():
        take_lock()
        if holder.name:
            Purse().take([holder.row], amounts_of(vm, runs=runs_or_should(vm)))
        Vm.objects.filter(pk=vm.pk).update(
            owner=holder.user, owner_group=holder.group, version=F("version") + 1
        )
        record(actor, "vm.transfer", of=vm, before=before, to=holder.name)
        changed("grant", 0)
        changed("vm", vm.pk)
    return Vm.objects.select_related("owner", "owner_group").get(pk=vm.pk)


def _require_part(holder: Holder, vm: Vm) -> None:
    """Raise Invalid where the holder could do nothing with it."""
    if holder.user:
        who = actor_of(holder.user)
        has_part = who.is_administrator or bool(who.held.site)
        has_part = has_part or vm.project_id in of_projects(who).values_list("project_id", flat=True)
    else:
        parts = Grant.objects.filter(holding(), group=holder.group, project=vm.project_id or 0)
        has_part = parts.exists()
    if not has_part:
        name = vm.project.name if vm.project else ""
        field = "user" if holder.user else "group"
        raise Invalid(
            "%(name)s has no part in the project %(project)s.", field=field, name=holder.name, project=name
        )


def _kind(scope: Scope) -> str:
    return scope._meta.model_name or ""


def _sees(actor: Actor, grant: Grant) -> bool:
    """Whether the grant may be named to the actor: their own, or one on what they may share."""
    scope = scope_of(grant)
    return grant.user_id == actor.user_id or may(actor, _share(scope), _row(scope))


def require_share(actor: Actor, scope: Scope | None) -> None:
    """Raise Forbidden for who may not say who does what there."""
    require(actor, _share(scope), _row(scope))


def _share(scope: Scope | None) -> str:
    """The verb that gives others a part of it; of clusters only who may share the whole site."""
    if isinstance(scope, Project):
        return "project.share"
    return "vm.share" if isinstance(scope, Vm) else "site.share"


def _row(scope: Scope | None) -> Project | Vm | None:
    return scope if isinstance(scope, (Project, Vm)) else None


def _described(actor: Actor, role: str) -> Described:
    """The role of a grant; one that is gone has no verbs."""
    try:
        return role_named(actor, role)
    except Invalid:
        return Described(role, "", frozenset())


def _require_no_more(actor: Actor, role: Described, scope: Scope | None) -> None:
    """Raise Forbidden when the role has verbs that the actor has not there."""
    if actor.is_administrator:
        return
    if lacks := _too_much(rights(actor, [scope] if scope else []), role, scope):
        raise Forbidden(
            "You cannot give the role %(role)s there: you may not do this yourself: %(verbs)s.",
            role=role.name,
            verbs=words_of_all(lacks),
        )


def _require_no_longer(actor: Actor, role: Described, scope: Scope | None, until: date | None) -> None:
    """Raise Invalid for a day that is over or too far, and beyond the end of what the actor has there."""
    if until is not None and not 0 <= (until - now().date()).days <= MOST_DAYS:
        raise Invalid("Choose a day from today on, in %(most)s days at most.", field="until", most=MOST_DAYS)
    last = _last_day(actor, role.verbs & ON_MACHINES if isinstance(scope, Vm) else role.verbs, scope)
    if (until or date.max) > last:
        raise Invalid(
            "You have this yourself until %(day)s: give it until then at most.",
            field="until",
            day=shown_day(last),
            near=last.isoformat(),
        )


def _last_day(actor: Actor, verbs: frozenset[str], scope: Scope | None) -> date:
    """The last day on which the actor has all of these verbs there, all of which they have today."""
    ends: dict[str, date] = {}
    roles = {role.name: role.verbs for role in list_roles(actor)}
    owns = isinstance(scope, Vm) and rights(actor, [scope]).owns(scope)
    for row in Grant.objects.filter(mine(actor), holding(), reaching(scope)):
        has = roles.get(row.role, frozenset())
        for verb in has | OWNED if owns and not (row.vm_id or row.cluster_id) else has:
            ends[verb] = max(ends.get(verb, date.min), row.until or date.max)
    return min((ends.get(verb, date.max) for verb in verbs), default=date.max)


def _too_much(own: Rights, role: Described, scope: Scope | None) -> list[str]:
    """What the role gives there, and who has these rights may not do: never nothing of an administrator's."""
    site = own.actor.held.site
    verbs = sorted(role.verbs & ON_MACHINES if isinstance(scope, Vm) else role.verbs)
    lacks = [verb for verb in verbs if not (own.may(verb, scope) if scope else verb in site)]
    return lacks or verbs if role.name == ADMINISTRATOR else lacks
