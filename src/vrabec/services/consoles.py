"""Consoles: who may open one, by tickets that work once within half a minute."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, Invalid, WrongState
from vrabec.lib.tunnel import Wanted
from vrabec.models.consoles import ConsoleKind, ConsoleTicket
from vrabec.models.hosts import HostState
from vrabec.models.vms import Seen, Vm
from vrabec.services.people import digest
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.vms import get_vm
from vrabec.services.ways import uri_of

TICKET_LIFE = timedelta(seconds=30)
_REFUSALS = {
    Seen.PENDING: "%(name)s does not exist yet.",
    Seen.UNKNOWN: "The state of %(name)s is unknown: its host does not answer.",
    Seen.OFF: "%(name)s is off: start it.",
    Seen.CRASHED: "%(name)s has crashed: start it again.",
}


@dataclass(frozen=True)
class Ticket:
    """A ticket as its holder gets it, this once."""

    secret: str
    row: ConsoleTicket


def make_ticket(actor: Actor, *, vm: Vm, kind: str, take: bool = False) -> Ticket:
    """A ticket to the console of `vm`; `take` takes a serial console from whoever has it.

    Raises Forbidden, Invalid, WrongState when the machine is off or its host silent.
    """
    require(actor, "vm.console", vm)
    if kind not in ConsoleKind.values:
        raise Invalid("A console is vnc or serial.", field="kind")
    _require_running(vm)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        ConsoleTicket.objects.filter(expires_at__lt=now()).delete()
        row = ConsoleTicket.objects.create(
            digest=digest(secret),
            user_id=actor.user_id,
            vm=vm,
            kind=kind,
            take=take,
            expires_at=now() + TICKET_LIFE,
        )
    return Ticket(secret, row)


def use_ticket(actor: Actor, *, secret: str, vm_id: int, kind: str) -> Wanted:
    """The console that `secret` opens for `actor`, who must be the one it was made for. It works once.

    Raises NotFound, Forbidden, WrongState.
    """
    vm = may_watch(actor, vm_id=vm_id)
    _require_running(vm)
    with transaction.atomic():
        live = ConsoleTicket.objects.filter(digest=digest(secret), expires_at__gt=now())
        ticket = live.filter(user_id=actor.user_id, vm=vm, kind=kind).first()
        if ticket is None or not live.filter(pk=ticket.pk).delete()[0]:
            raise Forbidden("This ticket was used, has ended or opens another console.")
        record(actor, "vm.console", of=vm, console=kind, taken=ticket.take)
    host = vm.host
    assert host is not None  # noqa: S101 - _require_running has looked
    return Wanted(uri=uri_of(host), uuid=str(vm.uuid), kind=kind, who=actor.name, take=ticket.take)


def may_watch(actor: Actor, *, vm_id: int) -> Vm:
    """The machine, if `actor` may have its console open: asked again while it is.

    Raises NotFound, Forbidden.
    """
    vm = get_vm(actor, vm_id=vm_id)
    require(actor, "vm.console", vm)
    return vm


def has_screen(vm: Vm) -> bool:
    """Whether a console can be opened now."""
    return _refusal(vm) is None


def _require_running(vm: Vm) -> None:
    if refusal := _refusal(vm):
        raise WrongState(refusal, name=vm.name)


def _refusal(vm: Vm) -> str | None:
    """Why no console can be opened, None when one can."""
    if vm.host is None or vm.host.state != HostState.ONLINE:
        return "The host of %(name)s does not answer; wait until it does."
    return _REFUSALS.get(Seen(vm.seen))
