"""The access of one person, or of one group: all that they were given, and what is withheld from them."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.grants import SCOPES, Grant, Withheld, holding
from vrabec.models.users import Membership, User
from vrabec.services.holders import Holder, holder_named
from vrabec.services.permissions import require

_PLACES = ("vm", "project", "cluster")


def whose(actor: Actor, *, user: str = "", group: str = "") -> Holder:
    """The user or group of this name, whose access the actor may read; themselves without one.

    Who may not read it does not hear whether there is such a one. Raises Invalid, Forbidden.
    """
    me = User.objects.get(pk=actor.user_id)
    if not group and user in ("", me.username):
        return Holder(user=me)
    require(actor, "group.list" if group else "user.list")
    closed = User.objects.filter(username=user.replace("\0", "")).first() if user and not group else None
    return Holder(user=closed) if closed else holder_named(user=user, group=group)


def list_held(actor: Actor, *, holder: Holder) -> QuerySet[Grant]:
    """What somebody was given, by name and by their groups; or a group. The widest first: one query.

    One's own everybody may read. Raises Forbidden.
    """
    _require(actor, holder)
    rows = Grant.objects.filter(_of(holder), holding()).filter(Q(vm=None) | Q(vm__deleted_at=None))
    widest_first = [F(f"{name}__name").asc(nulls_first=True) for name in _PLACES]
    shown = ("user", "group", *SCOPES, "vm__host", "vm__project")
    return rows.select_related(*shown).order_by(*widest_first, "pk")


def list_kept(actor: Actor, *, holder: Holder) -> QuerySet[Withheld]:
    """What is withheld from somebody, by name and by their groups; or from a group. Raises as `list_held`."""
    _require(actor, holder)
    rows = Withheld.objects.filter(_of(holder), vm__deleted_at=None)
    return rows.select_related("group", "vm__host").order_by("vm__name", "verb", "pk")


def _of(holder: Holder) -> Q:
    if holder.group:
        return Q(group=holder.group)
    groups = Membership.objects.filter(user=holder.user).values("group_id")
    return Q(user=holder.user) | Q(group__in=groups)


def _require(actor: Actor, holder: Holder) -> None:
    if holder.user and holder.user.pk == actor.user_id:
        require(actor, "grant.list")
    else:
        require(actor, "group.list" if holder.group else "user.list")


def require_no_place(where: object) -> None:
    """Raise Invalid where a place is named beside somebody."""
    if where:
        raise Invalid("Ask for a place, or for a user or a group, not for both.", field="user")
