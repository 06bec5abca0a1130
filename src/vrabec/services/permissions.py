"""The one policy: which verbs there are, and who may do them to what.

Routes name a verb, services ask for it on the object, lists filter by models/grants.py:reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from django.db.models import OuterRef, Q, Subquery

from vrabec.lib.actor import NO_VERBS, Actor
from vrabec.lib.errors import Forbidden, Unauthenticated, VrabecError
from vrabec.models.clusters import Cluster
from vrabec.models.grants import SCOPES, Grant, Withheld, holding, mine
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.roles import BUILT_IN, MEMBER, OPERATOR, OWNED, OWNER, Role
from vrabec.models.users import Membership
from vrabec.models.vms import Vm
from vrabec.services.verb_words import words_of

Row = Vm | Job | Project | Host | Cluster
SCOPE_IDS = tuple(f"{scope}_id" for scope in SCOPES)


class Level(Enum):
    """What a verb needs: nothing, somebody signed in, or a role that has it."""

    PUBLIC = 0
    SIGNED_IN = 1
    GRANTED = 2


ACTIONS: dict[str, Level] = {
    "about.view": Level.PUBLIC,
    "session.begin": Level.PUBLIC,
    "csp.report": Level.PUBLIC,
    "health.view": Level.PUBLIC,
    "session.end": Level.SIGNED_IN,
    "session.list": Level.SIGNED_IN,
    "account.view": Level.SIGNED_IN,
    "account.password": Level.SIGNED_IN,
    "factor.view": Level.SIGNED_IN,
    "factor.change": Level.SIGNED_IN,
    "token.view": Level.SIGNED_IN,
    "token.create": Level.SIGNED_IN,
    "token.revoke": Level.SIGNED_IN,
    "events.view": Level.SIGNED_IN,
    "vm.list": Level.SIGNED_IN,
    "vm.bulk": Level.SIGNED_IN,
    "view.list": Level.SIGNED_IN,
    "view.save": Level.SIGNED_IN,
    "view.delete": Level.SIGNED_IN,
    "vm.view": Level.GRANTED,
    "vm.create": Level.GRANTED,
    "vm.adopt": Level.GRANTED,
    "vm.pin": Level.GRANTED,
    "vm.place": Level.GRANTED,
    "vm.describe": Level.GRANTED,
    "vm.rename": Level.GRANTED,
    "vm.resize": Level.GRANTED,
    "vm.clone": Level.GRANTED,
    "vm.extend": Level.GRANTED,
    "vm.start": Level.GRANTED,
    "vm.shutdown": Level.GRANTED,
    "vm.power_off": Level.GRANTED,
    "vm.reboot": Level.GRANTED,
    "vm.reset": Level.GRANTED,
    "vm.pause": Level.GRANTED,
    "vm.resume": Level.GRANTED,
    "vm.hibernate": Level.GRANTED,
    "vm.send_keys": Level.GRANTED,
    "vm.migrate": Level.GRANTED,
    "vm.screen": Level.GRANTED,
    "vm.xml": Level.GRANTED,
    "vm.delete": Level.GRANTED,
    "vm.share": Level.GRANTED,
    "vm.console": Level.GRANTED,
    "job.list": Level.SIGNED_IN,
    "job.view": Level.GRANTED,
    "job.cancel": Level.GRANTED,
    "job.retry": Level.GRANTED,
    "job.dismiss": Level.GRANTED,
    "project.list": Level.SIGNED_IN,
    "project.view": Level.GRANTED,
    "project.create": Level.GRANTED,
    "project.change": Level.GRANTED,
    "project.remove": Level.GRANTED,
    "project.share": Level.GRANTED,
    "project.lease": Level.GRANTED,
    "site.share": Level.GRANTED,
    "role.list": Level.SIGNED_IN,
    "role.create": Level.GRANTED,
    "role.change": Level.GRANTED,
    "role.remove": Level.GRANTED,
    "group.list": Level.GRANTED,
    "group.create": Level.GRANTED,
    "group.change": Level.GRANTED,
    "group.remove": Level.GRANTED,
    "user.list": Level.GRANTED,
    "user.create": Level.GRANTED,
    "user.change": Level.GRANTED,
    "user.remove": Level.GRANTED,
    "user.sign_out": Level.GRANTED,
    "user.factors": Level.GRANTED,
    "quota.view": Level.GRANTED,
    "quota.change": Level.GRANTED,
    "quota.list": Level.SIGNED_IN,
    "request.list": Level.SIGNED_IN,
    "request.create": Level.SIGNED_IN,
    "request.answer": Level.SIGNED_IN,
    "mail.list": Level.GRANTED,
    "mail.send": Level.GRANTED,
    "grant.list": Level.SIGNED_IN,
    "grant.give": Level.SIGNED_IN,
    "grant.take": Level.SIGNED_IN,
    "template.list": Level.SIGNED_IN,
    "template.build": Level.GRANTED,
    "template.share": Level.GRANTED,
    "pool.list": Level.GRANTED,
    "network.list": Level.SIGNED_IN,
    "network.share": Level.GRANTED,
    "cluster.list": Level.GRANTED,
    "cluster.create": Level.GRANTED,
    "cluster.change": Level.GRANTED,
    "cluster.remove": Level.GRANTED,
    "cluster.capacity": Level.GRANTED,
    "cluster.balance": Level.GRANTED,
    "host.list": Level.GRANTED,
    "host.view": Level.GRANTED,
    "host.add": Level.GRANTED,
    "host.look": Level.GRANTED,
    "host.change": Level.GRANTED,
    "host.maintain": Level.GRANTED,
    "host.resume": Level.GRANTED,
    "host.confirm": Level.GRANTED,
    "host.remove": Level.GRANTED,
    "audit.list": Level.SIGNED_IN,
    "metrics.view": Level.GRANTED,
}


NARROW = frozenset(
    f"{noun}.list"
    for noun in ("vm", "job", "project", "template", "network", "view", "role", "quota", "audit")
) | {"vm.bulk", "events.view", "account.view"}
"""What needs no role, and a token for a few verbs allows: to look. What is found is what its verbs allow."""


class Spot(NamedTuple):
    """Where a row is: ids of its cluster, project and machine, and whose the machine is."""

    cluster: int | None = None
    project: int | None = None
    vm: int | None = None
    owner: int | None = None
    owner_group: int | None = None


def _spot(row: Row) -> Spot:
    match row:
        case Vm():
            cluster = row.host.cluster_id if row.host else None
            return Spot(cluster, row.project_id, row.pk, row.owner_id, row.owner_group_id)
        case Job(vm_id=int()) if vm := row._state.fields_cache.get("vm"):
            return _spot(vm)._replace(project=row.project_id)
        case Job():
            return Spot(project=row.project_id, vm=row.vm_id)
        case Project():
            return Spot(project=row.pk)
        case Host():
            return Spot(cluster=row.cluster_id)
        case Cluster():
            return Spot(cluster=row.pk)


@dataclass(frozen=True)
class Rights:
    """What an actor may do to some rows, asked of the database once for all of them."""

    actor: Actor
    given: dict[tuple[str, int | None], frozenset[str]] = field(default_factory=dict)
    withheld: dict[int | None, frozenset[str]] = field(default_factory=dict)
    groups: frozenset[int] = frozenset()

    def may(self, verb: str, row: Row) -> bool:
        """Whether they may do `verb` to one of the rows."""
        if self.actor.is_administrator:
            return True
        spot = _spot(row)
        if not _is_within(self.actor, verb, spot):
            return False
        return self._has(verb, spot) and verb not in self.withheld.get(spot.vm, NO_VERBS)

    def _has(self, verb: str, spot: Spot) -> bool:
        ways = (("cluster", spot.cluster), ("project", spot.project), ("vm", spot.vm))
        return (
            verb in self.actor.held.site
            or any(verb in self.given.get(way, NO_VERBS) for way in ways)
            or (verb in OWNED and self._owns(spot))
        )

    def owns(self, vm: Vm) -> bool:
        """Whether the machine is theirs, and they have a part in its project."""
        return self._owns(_spot(vm))

    def _owns(self, spot: Spot) -> bool:
        has_part = bool(self.actor.held.site) or ("project", spot.project) in self.given
        return has_part and (
            (spot.owner is not None and spot.owner == self.actor.user_id)
            or (spot.owner_group is not None and spot.owner_group in self.groups)
        )


def rights(actor: Actor, rows: Iterable[Row]) -> Rights:
    """What `actor` may do to these rows: three queries at most, none for administrators."""
    spots = () if actor.is_administrator else [_spot(row) for row in rows]
    if not spots:
        return Rights(actor)
    ids = {scope: {getattr(spot, scope) for spot in spots} - {None} for scope in SCOPES}
    on = Q(*((f"{scope}__in", found) for scope, found in ids.items()), _connector=Q.OR)
    groups = _groups(actor) if any(spot.owner_group for spot in spots) else frozenset()
    return Rights(actor, _given(actor, on), _withheld(actor, Q(vm__in=ids["vm"])), groups)


def all_rights(actor: Actor) -> Rights:
    """What `actor` may do to any row: for who looks at rows for long without asking again."""
    if actor.is_administrator:
        return Rights(actor)
    return Rights(actor, _given(actor, Q()), _withheld(actor, Q()), _groups(actor))


def _given(actor: Actor, on: Q) -> dict[tuple[str, int | None], frozenset[str]]:
    """Verbs by the kind and id of their scope, of the actor's grants on these scopes."""
    own = Subquery(Role.objects.filter(name=OuterRef("role")).values("verb_line")[:1])
    held = Grant.objects.filter(mine(actor), holding(), on)
    rows = held.annotate(own=own).values_list(*SCOPE_IDS, "role", "own")
    found: dict[tuple[str, int | None], frozenset[str]] = {}
    for *ids, role, line in rows:
        for way in zip(SCOPES, ids, strict=True):
            found[way] = found.get(way, NO_VERBS) | verbs_of(role, line)
    return {way: verbs for way, verbs in found.items() if way[1]}


def verbs_of(role: str, line: str | None) -> frozenset[str]:
    """The verbs of a role, built in or, by its line of verbs, the site's own. One that is gone has none."""
    return BUILT_IN.get(role) or frozenset((line or "").split())


def _withheld(actor: Actor, on: Q) -> dict[int | None, frozenset[str]]:
    found: dict[int | None, frozenset[str]] = {}
    if actor.held.withheld:
        for vm_id, verb in Withheld.objects.filter(mine(actor), on).values_list("vm_id", "verb"):
            found[vm_id] = found.get(vm_id, NO_VERBS) | {verb}
    return found


def _groups(actor: Actor) -> frozenset[int]:
    return frozenset(Membership.objects.filter(user_id=actor.user_id).values_list("group_id", flat=True))


def may(actor: Actor, verb: str, of: Row | None = None) -> bool:
    """Whether `actor` may do `verb` to this row or, without one, on the whole site."""
    level = ACTIONS[verb]
    if level is Level.PUBLIC or actor.is_administrator:
        return True
    if level is Level.SIGNED_IN:
        return bool(actor.user_id) and (actor.only is None or verb in NARROW)
    if of is None or not actor.held.somewhere(verb):
        return verb in actor.held.site and not is_for_projects(actor)
    return rights(actor, [of]).may(verb, of)


def may_somewhere(actor: Actor, verb: str) -> bool:
    """Whether there may be anything that `actor` may do `verb` to: no query."""
    return actor.is_administrator or actor.held.somewhere(verb)


def is_for_projects(actor: Actor) -> bool:
    """Whether the actor's token is for some projects alone: nothing that is in none is for it."""
    return actor.only is not None and actor.only.projects is not None


def _is_within(actor: Actor, verb: str, spot: Spot) -> bool:
    """Whether the actor's token allows `verb` there."""
    only = actor.only
    if only is None:
        return True
    return verb in only.verbs and (only.projects is None or spot.project in only.projects)


def require_within(actor: Actor, verb: str) -> None:
    """Raise Forbidden when the token that was used is not for `verb`, wherever it may be."""
    if actor.only is None or ACTIONS[verb] is Level.PUBLIC:
        return
    if verb not in (NARROW if ACTIONS[verb] is Level.SIGNED_IN else actor.only.verbs):
        words = {"name": actor.token, "verb": words_of(verb)}
        raise Forbidden("The token %(name)s does not let you %(verb)s.", action=verb, **words)


def require(actor: Actor, verb: str, of: Row | None = None) -> None:
    """Raise Forbidden, or Unauthenticated for nobody, when `actor` may not do `verb`."""
    if not may(actor, verb, of):
        raise refused(actor, verb)


def require_somewhere(actor: Actor, verb: str) -> None:
    """Raise Forbidden when there is nothing to which `actor` may do `verb`."""
    if not may_somewhere(actor, verb):
        raise refused(actor, verb)


def refused(actor: Actor, verb: str) -> VrabecError:
    """What somebody is told who may not do `verb`."""
    if not actor.user_id:
        return Unauthenticated("Sign in first.")
    return Forbidden("Only %(who)s may %(verb)s.", who=_who(verb), verb=words_of(verb), action=verb)


def _who(verb: str) -> str:
    if verb in BUILT_IN[MEMBER]:
        return "a member of the project"
    if verb in BUILT_IN[OWNER]:
        return "an owner of the project"
    return "an administrator or operator" if verb in BUILT_IN[OPERATOR] else "an administrator"
