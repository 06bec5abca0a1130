"""/vms/{id}/console: tickets to screens and serial consoles; frontends/live/console.py takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services.consoles import make_ticket
from vrabec.services.vms import get_vm

router = Router(tags=["machines"], auth=AUTH)


class ConsoleIn(Schema):
    """Which console. `take`: take the serial console from whoever has it."""

    kind: Annotated[Literal["vnc", "serial"], Field(examples=["serial"])]
    take: bool = False


class ConsoleOut(Schema):
    """A ticket that works once: open a WebSocket to `path` with the same session or token and `protocols`."""

    path: str
    protocols: list[str]
    expires_at: datetime


@router.post("/vms/{vm_id}/console", response=answers({200: ConsoleOut}), operation_id="open_console")
@action("vm.console")
def console(request: HttpRequest, vm_id: int, wanted: ConsoleIn) -> ConsoleOut:
    """Ask for a ticket to a machine's screen (VNC) or serial console; it ends after 30 seconds."""
    who = actor(request)
    ticket = make_ticket(who, vm=get_vm(who, vm_id=vm_id), kind=wanted.kind, take=wanted.take)
    return ConsoleOut(
        path=f"/live/consoles/{vm_id}/{wanted.kind}",
        protocols=["vrabec.console", f"ticket.{ticket.secret}"],
        expires_at=ticket.row.expires_at,
    )
