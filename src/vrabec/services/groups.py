"""Groups: people who are given roles together."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.changes import changed
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Vm
from vrabec.services.administrators import keep_one, require_not_above
from vrabec.services.holders import holder_named
from vrabec.services.permissions import require
from vrabec.services.record import record

MAX_OUTSIDE = 20


def list_groups(actor: Actor) -> QuerySet[Group]:
    """All groups by name, their members in memory: two queries. Raises Forbidden."""
    require(actor, "group.list")
    return Group.objects.prefetch_related("memberships__user").order_by("name")


def get_group(actor: Actor, *, group_id: int) -> Group:
    """The group of this id. Raises NotFound, Forbidden."""
    found = list_groups(actor).filter(pk=group_id).first()
    if found is None:
        raise NotFound("There is no group with this id.")
    return found


def create_group(actor: Actor, *, name: str, title: str = "") -> Group:
    """Make a group without members. Raises Invalid, Conflict, Forbidden."""
    require(actor, "group.create")
    check_label(name)
    try:
        with transaction.atomic():
            made = Group.objects.create(name=name, title=title[:120])
            record(actor, "group.create", of=made)
    except IntegrityError as error:
        raise Conflict("A group named %(name)s exists already.", name=name, field="name") from error
    return made


def follow(actor: Actor, *, group: Group, outside: Sequence[str]) -> Group:
    """Name the groups of other systems whose people are in this one, from when they next sign in.

    Without names, who is in it because another system said so leaves it at once.
    Raises Invalid, Conflict when no administrator would be left, Forbidden.
    """
    require(actor, "group.change")
    require_not_above(actor, group=group)
    names = [name.strip() for name in outside if name.strip()]
    if len(names) > MAX_OUTSIDE or any(len(name) > 255 or "\n" in name for name in names):
        raise Invalid("Name %(most)s groups at most, of 255 signs each.", field="outside", most=MAX_OUTSIDE)
    before = group.outside.splitlines()
    with transaction.atomic(), keep_one():
        Group.objects.filter(pk=group.pk).update(outside="\n".join(names))
        if not names:
            group.memberships.exclude(source="").delete()
        record(actor, "group.follow", of=group, before=before, after=names)
        changed("grant", 0)
    return get_group(actor, group_id=group.pk)


def remove_group(actor: Actor, *, group: Group) -> None:
    """Remove a group, and with it what it was given. Its machines go to their projects.

    Raises Conflict, Forbidden.
    """
    require(actor, "group.remove")
    with transaction.atomic(), keep_one():
        vms = list(Vm.objects.present().filter(owner_group=group))
        for vm in vms:
            record(actor, "vm.transfer", of=vm, before=group.name, to="")
        record(actor, "group.remove", of=group, members=group.memberships.count(), machines=len(vms))
        group.delete()
        changed("grant", 0)
        changed("vm", *(vm.pk for vm in vms))


def add_member(actor: Actor, *, group: Group, username: str) -> None:
    """Put somebody into a group; who is in it already stays. Raises Invalid, Forbidden."""
    require(actor, "group.change")
    require_not_above(actor, group=group)
    user = holder_named(user=username).user
    with transaction.atomic():
        row, is_new = Membership.objects.get_or_create(group=group, user=user)
        if row.source:  # from now on whatever the source says
            Membership.objects.filter(pk=row.pk).update(source="")
        if is_new or row.source:
            record(actor, "group.add", of=group, to=username)
            changed("grant", 0)


def remove_member(actor: Actor, *, group: Group, username: str) -> None:
    """Take somebody out of a group. Raises NotFound when they are not in it, Conflict, Forbidden."""
    require(actor, "group.change")
    require_not_above(actor, group=group)
    with transaction.atomic(), keep_one():
        found = Membership.objects.filter(group=group, user__username=username.replace("\0", ""))
        if not found.delete()[0]:
            raise NotFound("%(name)s is not in the group.", name=username[:64])
        record(actor, "group.drop", of=group, to=username)
        changed("grant", 0)
