"""/vms/placement and /vms/{id}/hosts: where a machine would go, and why; where it may be."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.frontends.rest.vms import HostNames, PlaceIn, VmOut
from vrabec.services.cells import active_jobs
from vrabec.services.permissions import may
from vrabec.services.placement import Verdict
from vrabec.services.vm_pin import pin_vm
from vrabec.services.vms import place_vm
from vrabec.services.wishes import VmWish

router = Router(tags=["machines"], auth=AUTH)


class VerdictOut(Schema):
    """What is said of one host. Its name and its cluster's are given to administrators only."""

    host: str | None
    cluster: str | None
    fits: bool
    chosen: bool
    why: str
    free_mib: int


class LossOut(Schema):
    """If `host` died, these machines would find no place; "" is the one that is being placed."""

    host: str
    machines: list[str]


class PlacementOut(Schema):
    """Where a machine would go, the best host first. `losses` are told to administrators only."""

    fits: bool
    hosts: list[VerdictOut]
    losses: list[LossOut]


@router.post("/vms/placement", response=answers({200: PlacementOut}), operation_id="place_vm")
@action("vm.place")
def place(request: HttpRequest, wish: PlaceIn) -> PlacementOut:
    """Say where a machine would go now, and of every host why or why not. Nothing is made."""
    who = actor(request)
    given = wish.dict() | {"hosts": tuple(wish.hosts)}
    found = place_vm(who, wish=VmWish(name="unnamed", **given))
    names = may(who, "host.view")
    chosen = found.host.id if found.host else 0
    return PlacementOut(
        fits=found.host is not None,
        hosts=[_verdict(verdict, names, verdict.host.id == chosen) for verdict in found.verdicts],
        losses=[LossOut(host=loss.host, machines=list(loss.machines)) for loss in found.losses if names],
    )


class PinIn(Schema):
    """The only hosts that a machine may be on; none for any."""

    hosts: HostNames


@router.put("/vms/{vm_id}/hosts", response=answers({200: VmOut}), operation_id="pin_vm")
@action("vm.pin")
def pin(request: HttpRequest, vm_id: int, wish: PinIn) -> VmOut:
    """Bind a machine to hosts, of which its own is one; none: it may be on any. Nothing moves."""
    who = actor(request)
    vm = pin_vm(who, vm_id=vm_id, hosts=wish.hosts)
    return VmOut.of(who, vm, active_jobs([vm.pk]).get(vm.pk))


def _verdict(verdict: Verdict, names: bool, chosen: bool) -> VerdictOut:
    template, params = verdict.words if names else verdict.nameless_words
    return VerdictOut(
        host=verdict.host.name if names else None,
        cluster=verdict.cluster if names else None,
        fits=verdict.fits,
        chosen=chosen,
        why=template % params,
        free_mib=verdict.free_mib,
    )
