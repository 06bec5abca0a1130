"""/vms/{id}/targets, /vms/{id}/migrate: a running machine moves to another host."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, JobOut, answers
from vrabec.frontends.rest.vms import VmJob
from vrabec.services.targets import Target, targets_of
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vms import get_vm

router = Router(tags=["machines"], auth=AUTH)


class MigrateIn(Body):
    """Where to: a host's name, "" for the best.

    `if_too_fast` is what is done with a guest that writes memory faster than the line carries it: `slow`, it
    is slowed down until it fits; `wait`, nothing, and the move may never end; `switch`, after some passes it
    is switched over all the same, and the rest of its memory follows.
    """

    to: Annotated[str, Field(max_length=300, examples=["kvm2"])] = ""
    if_too_fast: Annotated[Literal["slow", "wait", "switch"], Field(examples=["switch"])] = "slow"


class TargetOut(Schema):
    """A host, and all that keeps the machine from moving there; `memory_free_mib` is promised to nobody."""

    id: int
    name: str
    fits: bool
    reasons: list[str]
    memory_free_mib: int

    @staticmethod
    def of(target: Target) -> TargetOut:
        """The schema of what the service says."""
        return TargetOut(
            id=target.host.pk,
            name=target.host.name,
            fits=target.fits,
            reasons=target.reasons,
            memory_free_mib=target.free_mib,
        )


class TargetList(Schema):
    """Every host, the best first."""

    items: list[TargetOut]


@router.get("/vms/{vm_id}/targets", response=answers({200: TargetList}), operation_id="list_targets")
@action("vm.migrate")
def targets(request: HttpRequest, vm_id: int) -> TargetList:
    """Where a machine can move, and why not elsewhere, as far as is known without asking the hosts."""
    who = actor(request)
    found = targets_of(who, vm=get_vm(who, vm_id=vm_id))
    return TargetList(items=[TargetOut.of(target) for target in found])


@router.post("/vms/{vm_id}/migrate", response=answers({202: VmJob}), operation_id="migrate_vm")
@action("vm.migrate")
def migrate(request: HttpRequest, vm_id: int, wish: MigrateIn | None = None) -> Status[VmJob]:
    """Move a running machine to another host without stopping it, with its disks unless both share them."""
    who = actor(request)
    wish = wish or MigrateIn()
    job = migrate_vm(who, vm=get_vm(who, vm_id=vm_id), to=wish.to, if_too_fast=wish.if_too_fast)
    return Status(202, VmJob(job=JobOut.of(job), vm=job.vm_id or 0))
