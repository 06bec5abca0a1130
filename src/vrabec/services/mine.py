"""What belongs to somebody, and what others let them use."""

from __future__ import annotations

from dataclasses import dataclass

from vrabec.lib.actor import Actor
from vrabec.models.grants import owned
from vrabec.models.vms import Vm
from vrabec.services.permissions import require

MOST_OWN = 60
MOST_SHARED = 10
_SHOWN = ("host", "project", "owner", "owner_group")


@dataclass(frozen=True)
class Mine:
    """The first of one's own machines and of those of others, and whether there are more of each."""

    own: list[Vm]
    shared: list[Vm]
    has_more_own: bool
    has_more_shared: bool


def mine_of(actor: Actor) -> Mine:
    """One's own and one's group's machines, then others that one sees: two queries.

    What somebody who looks after the whole site sees is not shared with them: none for those.
    """
    require(actor, "vm.list")
    seen = Vm.objects.visible_to(actor).select_related(*_SHOWN).order_by("name", "pk")
    own = list(seen.filter(owned(actor))[: MOST_OWN + 1])
    sees_all = actor.is_administrator or bool(actor.held.site)
    others = seen.exclude(pk__in=Vm.objects.filter(owned(actor)).values("pk"))
    shared = [] if sees_all else list(others[: MOST_SHARED + 1])
    return Mine(own[:MOST_OWN], shared[:MOST_SHARED], len(own) > MOST_OWN, len(shared) > MOST_SHARED)


def one_of_mine(actor: Actor, *, vm_id: int) -> Vm | None:
    """One that the actor sees, as `mine_of` has it."""
    require(actor, "vm.list")
    return Vm.objects.visible_to(actor).select_related(*_SHOWN).filter(pk=vm_id).first()


def looks_after_others(actor: Actor) -> bool:
    """Whether somebody has more than machines of their own: a site, a cluster, or a project to share."""
    held = actor.held
    return actor.is_administrator or bool(held.site or held.cluster) or "project.share" in held.project
