"""Who, in the end, may what on a scope: one row a person, with each way by which a role reaches them.

Who may not see groups is not told who is in them: to them a group is a row of its own, and what people have
by it stands there alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TypeVar

from django.db.models import Count, Q, QuerySet

from vrabec.lib.actor import NO_VERBS, Actor
from vrabec.models.grants import SCOPES, Grant, Withheld, holding
from vrabec.models.roles import ADMINISTRATOR, OWNED, OWNER
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm
from vrabec.services.access import Scope, reaching, require_share, scope_of, verbs_on
from vrabec.services.holders import Holder
from vrabec.services.permissions import may
from vrabec.services.roles import Described, list_roles

Key = tuple[int | None, int | None]
"""A holder: the id of a user, or of a group."""
T = TypeVar("T", Grant, Withheld)
_NEAREST_FIRST = ("vm", "project", "cluster", "")


@dataclass(frozen=True)
class Way:
    """One role that reaches somebody: `on` is where it was given, None the site; `group` is whose part it is.

    Who `owns` the machine has the role of an owner there without a grant.
    """

    role: Described
    on: Scope | None
    group: Group | None = None
    until: date | None = None
    owns: bool = False


@dataclass(frozen=True)
class Reached:
    """Somebody with all ways from the nearest, what is withheld from them, and the verbs that are left."""

    holder: Holder
    member_count: int
    ways: tuple[Way, ...]
    withheld: tuple[Withheld, ...]
    verbs: frozenset[str]


@dataclass(frozen=True)
class _Found:
    """What was read of one part of the list: by users, by groups, and who is in which of these."""

    grants: dict[Key, list[Grant]]
    withheld: dict[Key, list[Withheld]]
    groups: dict[int, set[int]]
    owners: frozenset[int]


class People:
    """The list, users by their names and then groups: counted, and read in parts. Raises Forbidden.

    A part of any length costs the same queries. People whose account is closed may nothing and are not in it.
    """

    def __init__(self, actor: Actor, *, scope: Scope | None) -> None:
        require_share(actor, scope)
        self.names_members = may(actor, "group.list")
        self._on, self._vm = verbs_on(scope), scope if isinstance(scope, Vm) else None
        self._roles = {role.name: role for role in list_roles(actor)}
        useful = [role.name for role in self._roles.values() if role.verbs & self._on]
        self._grants = Grant.objects.filter(reaching(scope), holding(), role__in=useful)
        self._users = User.objects.filter(self._is_listed(), is_active=True).order_by("username")

    def count(self) -> int:
        """How many rows there are."""
        return self._user_count + (0 if self.names_members else self._groups().count())

    def __getitem__(self, part: slice) -> list[Reached]:
        """The rows from `start` to before `stop`."""
        first, last = (max(0, end - self._user_count) for end in (part.start, part.stop))
        users = list(self._users[part])
        groups = [] if self.names_members or not last else list(self._groups()[first:last])
        found = self._read(users, groups)
        rows = [self._row(Holder(user=user), 0, found) for user in users]
        of_groups = (self._row(Holder(group=group), group.member_count, found) for group in groups)  # type: ignore[attr-defined]
        return [*rows, *of_groups]

    @cached_property
    def _user_count(self) -> int:
        return self._users.count()

    def _is_listed(self) -> Q:
        """Users whom a role reaches, by name or by groups that may be looked into; and the owners."""
        named = Q(pk__in=self._grants.exclude(user=None).values("user_id"))
        found = _held(self._grants) if self.names_members else named
        return found | self._owns(self._vm) if self._vm else found

    def _owns(self, vm: Vm) -> Q:
        """Users who own it, and have a part in its project or a role everywhere."""
        some = [role.name for role in self._roles.values() if role.verbs]
        part = Q(project=vm.project_id or 0) | Q(cluster=None, project=None, vm=None, role__in=some)
        owner = Q(pk=vm.owner_id or 0)
        if self.names_members and vm.owner_group_id:
            owner = Q(pk__in=Membership.objects.filter(group=vm.owner_group_id).values("user_id"))
        return owner & _held(Grant.objects.filter(part, holding()))

    def _groups(self) -> QuerySet[Group]:
        ids = Q(pk__in=self._grants.exclude(group=None).values("group_id"))
        if self._vm and self._vm.owner_group_id:
            ids |= Q(pk=self._vm.owner_group_id)
        return Group.objects.filter(ids).annotate(member_count=Count("memberships")).order_by("name")

    def _read(self, users: Sequence[User], groups: Sequence[Group]) -> _Found:
        """All about one part: two queries, four of a machine."""
        inside = Membership.objects.filter(user__in=users if self.names_members else ())
        of_them = Q(user__in=users) | Q(group__in=groups) | Q(group__in=inside.values("group_id"))
        grants = self._grants.filter(of_them).select_related("group", *SCOPES)
        kept, owners = Withheld.objects.none(), User.objects.none()
        if self._vm:
            kept = Withheld.objects.filter(of_them, vm=self._vm).select_related("group").order_by("verb")
            owners = User.objects.filter(self._owns(self._vm), pk__in=[user.pk for user in users])
        owner_ids = frozenset(owners.values_list("pk", flat=True))
        return _Found(_by_holder(grants), _by_holder(kept), _groups_of(inside), owner_ids)

    def _row(self, holder: Holder, member_count: int, found: _Found) -> Reached:
        keys = _keys(holder, found)
        ways = tuple(sorted(self._ways(holder, keys, found), key=_order))
        kept = tuple(row for key in keys for row in found.withheld.get(key, ()))
        if any(way.role.name == ADMINISTRATOR for way in ways):
            return Reached(holder, member_count, ways, (), self._on)
        given = NO_VERBS.union(*(way.role.verbs for way in ways)) & self._on
        return Reached(holder, member_count, ways, kept, given - {row.verb for row in kept})

    def _ways(self, holder: Holder, keys: Iterable[Key], found: _Found) -> Iterator[Way]:
        for key in keys:
            for row in found.grants.get(key, ()):
                by = row.group if holder.user else None
                yield Way(self._roles[row.role], scope_of(row), by, row.until)
        if self._vm and self._is_owner(holder, self._vm, found):
            by = self._vm.owner_group if holder.user else None
            yield Way(replace(self._roles[OWNER], verbs=OWNED), self._vm, by, owns=True)

    def _is_owner(self, holder: Holder, vm: Vm, found: _Found) -> bool:
        return holder.row.pk in found.owners if holder.user else holder.row.pk == vm.owner_group_id


def _held(grants: QuerySet[Grant]) -> Q:
    """Users who have one of these, by name or by a group."""
    inside = Membership.objects.filter(group__in=grants.exclude(group=None).values("group_id"))
    named = grants.exclude(user=None).values("user_id")
    return Q(pk__in=named) | Q(pk__in=inside.values("user_id"))


def _by_holder(rows: Iterable[T]) -> dict[Key, list[T]]:
    found: dict[Key, list[T]] = defaultdict(list)
    for row in rows:
        found[row.user_id, row.group_id].append(row)
    return found


def _groups_of(rows: QuerySet[Membership]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for user_id, group_id in rows.values_list("user_id", "group_id"):
        found[user_id].add(group_id)
    return found


def _keys(holder: Holder, found: _Found) -> list[Key]:
    """The holder, and the groups by which they hold what they do not have themselves."""
    if holder.group:
        return [(None, holder.group.pk)]
    user_id = holder.row.pk
    return [(user_id, None), *((None, group_id) for group_id in sorted(found.groups.get(user_id, ())))]


def _order(way: Way) -> tuple[int, int, str]:
    kind = (way.on._meta.model_name or "") if way.on else ""
    return (_NEAREST_FIRST.index(kind), -len(way.role.verbs), way.role.name)
