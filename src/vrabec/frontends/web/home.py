"""Where somebody begins."""

from __future__ import annotations

from vrabec.lib.actor import Actor
from vrabec.services.mine import looks_after_others
from vrabec.services.permissions import may_somewhere


def home_of(actor: Actor) -> str:
    """The name of the page that somebody sees first: their own machines, where they look after no others."""
    return "mine" if may_somewhere(actor, "vm.create") and not looks_after_others(actor) else "vms"
