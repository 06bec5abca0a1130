"""Moving a running machine to another host. Where it can go: targets.py. How: workflows/vm_migrate.py."""

from __future__ import annotations

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NoCapacity
from vrabec.lib.too_fast import TooFast
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services.placement import take_lock
from vrabec.services.targets import Target, targets_of
from vrabec.services.verbs import queue_verb, require_verb


def migrate_vm(
    actor: Actor,
    *,
    vm: Vm,
    to: str = "",
    if_too_fast: str = TooFast.SLOW,
    cover_yields: bool = False,
) -> Job:
    """Queue moving a running machine to the host named `to`, or to the best.

    `if_too_fast`: what is done when it writes memory faster than the line carries it.
    `cover_yields`: even where N+1 is kept, better without it than not at all.
    Raises Invalid for a host or choice that is not there, Conflict saying what is in the way, NoCapacity when
    no host would do, WrongState, Forbidden.
    """
    require_verb(actor, vm, "migrate")
    wish = TooFast.of(if_too_fast)
    with transaction.atomic():
        take_lock()
        targets = targets_of(actor, vm=vm, cover_yields=cover_yields)
        target = _named(vm, to, targets) if to else _best(vm, targets)
        return queue_verb(actor, "migrate", vm, target=target.host.pk, to=target.host.name, if_too_fast=wish)


def _named(vm: Vm, to: str, targets: tuple[Target, ...]) -> Target:
    target = next((target for target in targets if target.host.name == to), None)
    if target is None:
        raise Invalid("There is no host named %(name)s.", field="to", name=to[:64])
    if not target.fits:
        others = ", ".join(other.host.name for other in targets if other.fits)
        raise Conflict(
            "%(name)s cannot move to %(host)s. %(why)s %(others)s",
            field="to",
            name=vm.name,
            host=to,
            why=" ".join(target.reasons),
            others=f"These would do: {others}." if others else "No other host would do.",
        )
    return target


def _best(vm: Vm, targets: tuple[Target, ...]) -> Target:
    if targets and targets[0].fits:
        return targets[0]
    others = [target for target in targets if target.host.pk != vm.host_id]
    why = " ".join(f"{target.host.name}: {target.reasons[0]}" for target in others[:5])
    raise NoCapacity(
        "%(name)s cannot move to any host. %(why)s", name=vm.name, why=why or "There is no other."
    )
