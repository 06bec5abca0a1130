"""Who is an administrator: somebody must stay one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Forbidden
from vrabec.models.grants import Grant, holding
from vrabec.models.roles import ADMINISTRATOR
from vrabec.models.users import Group, User


def require_not_above(actor: Actor, *, user: User | None = None, group: Group | None = None) -> None:
    """Who is no administrator changes nothing of one, and nothing of a group of them: it would be a way up.

    Raises Forbidden.
    """
    if actor.is_administrator:
        return
    of_user = Q(user=user) | Q(group__memberships__user=user)
    held = Grant.objects.filter(holding(), role=ADMINISTRATOR)
    if held.filter(of_user if user else Q(group=group)).exists():
        raise Forbidden("Only an administrator may do this to an administrator.")


@contextmanager
def keep_one() -> Iterator[None]:
    """In a transaction: what is done inside must leave an administrator who can sign in. Raises Conflict.

    Only one without an end counts: on the day after the last there would be nobody. One after the other, so
    that no two take each other out.
    """
    list(Grant.objects.select_for_update().filter(role=ADMINISTRATOR).order_by("pk"))
    yield
    direct = Q(grants__role=ADMINISTRATOR, grants__until=None)
    by_group = Q(memberships__group__grants__role=ADMINISTRATOR, memberships__group__grants__until=None)
    if not User.objects.filter(direct | by_group, is_active=True).exists():
        raise Conflict(
            "Nobody would be left as an administrator. Make somebody else one first, without an end."
        )
