"""Longer leases for many machines: whom a wish suits, and why not the others.

Of many a lease is never made shorter, and who has no end keeps none: nobody looks at each of them.
"""

from __future__ import annotations

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden, Invalid, WrongState
from vrabec.models.vms import Vm
from vrabec.services.leases import (
    NO_LEASE,
    NOT_ENDLESS,
    SOONER,
    TOO_FAR,
    LeaseWish,
    end_of,
    require_lease,
    shown_day,
    wished_end,
)
from vrabec.services.permissions import Rights, refused
from vrabec.services.queue import in_the_way
from vrabec.services.verbs import BUSY, FORBIDDEN, NOT_OURS, NOT_OURS_CLAUSE, Clause, Known, Refusal

ENDLESS = "%(name)s has no end: there is nothing to extend."
_TOO_FAR_CLAUSE = ("%(n)s may not run so long", "%(n)s may not run so long")
_CLAUSES: dict[str, Clause] = {
    NOT_OURS: NOT_OURS_CLAUSE,
    NO_LEASE: ("%(n)s has no lease to extend", "%(n)s have no lease to extend"),
    ENDLESS: ("%(n)s has no end", "%(n)s have no end"),
    NOT_ENDLESS: ("%(n)s may not run without an end", "%(n)s may not run without an end"),
    TOO_FAR: _TOO_FAR_CLAUSE,
    SOONER: ("the lease of %(n)s ends later already", "the leases of %(n)s end later already"),
}


def check_wish(wish: LeaseWish | None) -> None:
    """Raise Invalid for a wish that suits no machine."""
    end_of(wish or LeaseWish())


def why_not_longer(actor: Actor, vm: Vm, known: Known, wish: LeaseWish | None) -> Refusal | None:
    """Why a machine cannot have the lease that is wished, None for any longer one: no query."""
    if not known.rights.may("vm.extend", vm):
        return Refusal(refused(actor, "vm.extend"), FORBIDDEN)
    if known.working and known.working.kind == "vm.delete":
        return Refusal(in_the_way(vm.name, known.working), BUSY)
    try:
        _check_longer(known.rights, vm, wish)
    except (Invalid, WrongState, Forbidden) as error:
        return Refusal(error, _CLAUSES.get(error.template, _TOO_FAR_CLAUSE))
    return None


def _check_longer(found: Rights, vm: Vm, wish: LeaseWish | None) -> None:
    if vm.is_managed and vm.lease_ends_at is None:
        raise WrongState(ENDLESS, name=vm.name)
    require_lease(found, vm)
    end = wished_end(found, vm, wish) if wish else None
    if end and vm.lease_ends_at and end < vm.lease_ends_at:
        raise Invalid(SOONER, field="until", day=shown_day(vm.lease_ends_at.date()))
