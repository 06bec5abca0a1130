"""Who may do what, where: roles given to people and groups on a scope, and verbs that are withheld.

A scope is the site, a cluster, a project or one machine; what is given on one holds for all within.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Func, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.models.roles import has_verb
from vrabec.models.users import Group, Membership, User

SCOPES = ("cluster", "project", "vm")
"""Columns of a grant, of which at most one is set: none is the site."""
_ONE_SCOPE = Q(cluster=None, project=None) | Q(cluster=None, vm=None) | Q(project=None, vm=None)
_ONE_HOLDER = Q(user__isnull=False, group=None) | Q(user=None, group__isnull=False)


def _scope_is(scope: str) -> Q:
    return Q(**{f"{name}__isnull": name != scope for name in SCOPES})


def mine(actor: Actor) -> Q:
    """Rows that hold for the actor, as a person or by a group."""
    groups = Membership.objects.filter(user_id=actor.user_id).values("group_id")
    return Q(user_id=actor.user_id) | Q(group_id__in=groups)


class Today(Func):
    """The day in UTC by the database's clock.

    It stands in the question, not in its values: SQL that is remembered (composed.py) is right tomorrow, too.
    """

    template = "CURRENT_DATE"
    output_field = models.DateField()


def holding(grant: str = "") -> Q:
    """Grants whose last day is not over; `grant` is the path to one, "" or as "grants__"."""
    return Q(**{f"{grant}until": None}) | Q(**{f"{grant}until__gte": Today()})


class Grant(models.Model):
    """One role of one user or group, on the site or one scope; `until` is its last day, None for no end."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants", null=True, blank=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="grants", null=True, blank=True)
    role = models.CharField(max_length=63)
    cluster = models.ForeignKey(
        "Cluster", on_delete=models.CASCADE, related_name="grants", null=True, blank=True
    )
    project = models.ForeignKey(
        "Project", on_delete=models.CASCADE, related_name="grants", null=True, blank=True
    )
    vm = models.ForeignKey("Vm", on_delete=models.CASCADE, related_name="grants", null=True, blank=True)
    until = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=_ONE_HOLDER, name="grant_has_one_holder"),
            models.CheckConstraint(condition=_ONE_SCOPE, name="grant_has_one_scope"),
            models.CheckConstraint(
                condition=~Q(role="administrator") | Q(cluster=None, project=None, vm=None),
                name="grant_administrator_is_everywhere",
            ),
            *(
                models.UniqueConstraint(
                    fields=["role", holder, *((scope,) if scope else ())],
                    condition=Q(**{f"{holder}__isnull": False}) & _scope_is(scope),
                    name=f"grant_once_{holder}_{scope or 'site'}",
                )
                for holder in ("user", "group")
                for scope in ("", *SCOPES)
            ),
        )


class Withheld(models.Model):
    """One verb that one user or group may not do on one machine, whatever else gives it to them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="withheld", null=True, blank=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="withheld", null=True, blank=True)
    vm = models.ForeignKey("Vm", on_delete=models.CASCADE, related_name="withheld")
    verb = models.CharField(max_length=48)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=_ONE_HOLDER, name="withheld_has_one_holder"),
            *(
                models.UniqueConstraint(
                    fields=["vm", "verb", holder],
                    condition=Q(**{f"{holder}__isnull": False}),
                    name=f"withheld_once_{holder}",
                )
                for holder in ("user", "group")
            ),
        )


def granted(actor: Actor, verb: str, scope: str) -> QuerySet[Grant, Any]:
    """Ids of the scopes of one kind on which `actor` was given `verb`: 300 grants cost what three do."""
    held: QuerySet[Grant] = Grant.objects.filter(
        mine(actor), holding(), has_verb(verb), Q(**{f"{scope}__isnull": False})
    )
    found: QuerySet[Grant, Any] = held.values(f"{scope}_id")
    return found


def reached(actor: Actor, verb: str, vm: str = "") -> Q:
    """The machines on which `actor` may do `verb`; `vm` is the path to a machine, "" or as "vm__".

    What is asked depends on the actor's `held` alone, so that nobody pays for a way that they do not have.
    """
    if actor.is_administrator:
        return Q()
    ways = Q() if verb in actor.held.site else _by_project(actor, verb, vm) | _past_projects(actor, verb, vm)
    return ways & _kept(actor, verb, vm)


def parts_of(actor: Actor, verb: str) -> int:
    """In how many parts `reached_part` gives what `reached` does."""
    is_one = actor.is_administrator or verb in actor.held.site or not has_way_past_projects(actor, verb)
    return 1 if is_one else 2


def reached_part(actor: Actor, verb: str, part: int) -> Q:
    """As `reached`, in parts that have no machine in common: counted apart, each by its own index."""
    if parts_of(actor, verb) == 1:
        return reached(actor, verb)
    projects, kept = _by_project(actor, verb, ""), _kept(actor, verb, "")
    return (projects if part == 0 else _past_projects(actor, verb, "") & ~projects) & kept


def _kept(actor: Actor, verb: str, vm: str) -> Q:
    """What is not withheld, and is in the projects of the actor's token."""
    kept = in_projects(actor, f"{vm}project_id")
    if verb in actor.held.withheld:
        withheld = Withheld.objects.filter(mine(actor), verb=verb).values("vm_id")
        kept &= ~Q(**{f"{vm}pk__in": withheld})
    return kept


def _by_project(actor: Actor, verb: str, vm: str) -> Q:
    if verb in actor.held.project:
        return Q(**{f"{vm}project_id__in": granted(actor, verb, "project")})
    return Q(**{f"{vm}pk__in": ()})


def _past_projects(actor: Actor, verb: str, vm: str) -> Q:
    held, ways = actor.held, Q()
    if verb in held.vm:
        ways |= Q(**{f"{vm}pk__in": granted(actor, verb, "vm")})
    if verb in held.cluster:
        ways |= Q(**{f"{vm}host__cluster_id__in": granted(actor, verb, "cluster")})
    if verb in held.owned:
        ways |= _own(actor, vm)
    return ways


def _own(actor: Actor, vm: str) -> Q:
    """The machines that one owns: in projects that one still has a part in."""
    own = owned(actor, vm)
    return own & Q(**{f"{vm}project_id__in": of_projects(actor)}) if not actor.held.site else own


def owned(actor: Actor, vm: str = "") -> Q:
    """Machines whose owner the actor is, or a group of theirs."""
    groups = Membership.objects.filter(user_id=actor.user_id).values("group_id")
    return Q(**{f"{vm}owner_id": actor.user_id}) | Q(**{f"{vm}owner_group_id__in": groups})


def of_projects(actor: Actor) -> QuerySet[Grant, Any]:
    """Ids of the projects in which `actor` has any role."""
    return Grant.objects.filter(mine(actor), holding(), project__isnull=False).values("project_id")


def in_projects(actor: Actor, column: str) -> Q:
    """Rows of the projects that the actor's token is for."""
    if actor.only is None or actor.only.projects is None:
        return Q()
    return Q(**{f"{column}__in": actor.only.projects})


def has_way_past_projects(actor: Actor, verb: str) -> bool:
    """Whether `verb` was given on more than projects: on machines, clusters, or as their owner."""
    held = actor.held
    return verb in held.vm or verb in held.cluster or verb in held.owned
