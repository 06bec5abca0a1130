"""Leases: until when a machine may run, and what is usual in its project."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.projects import ProjectOut
from vrabec.frontends.rest.schemas import Body, answers
from vrabec.frontends.rest.vms import VmOut
from vrabec.services import leases
from vrabec.services.cells import active_jobs
from vrabec.services.leases import USUAL_GRACE_DAYS, LeaseRules, LeaseWish
from vrabec.services.projects import get_project
from vrabec.services.vms import get_vm

router = Router(auth=AUTH)
Days = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]


class ExtendIn(Body):
    """Until when a machine is to run: for `days` from today, `until` a day, or with no end; one of them."""

    days: Days | None = None
    until: date | None = None
    no_end: Annotated[bool, Field(strict=True)] = False


class LeaseIn(Body):
    """The leases of a project: `days` of a new machine, at most `most_days` (null: any).

    `grace_days` after the end comes `then`: "archive" (it stays, switched off) or "delete". `also_present`
    gives machines that are there and have no end the usual one, from today.
    """

    days: Days
    most_days: Days | None = None
    grace_days: Days = USUAL_GRACE_DAYS
    then: Annotated[str, Field(max_length=16, examples=["delete"])] = "archive"
    also_present: Annotated[bool, Field(strict=True)] = False


@router.post("/vms/{vm_id}/extend", response=answers({200: VmOut}), operation_id="extend_vm")
@action("vm.extend")
def extend(request: HttpRequest, vm_id: int, wish: ExtendIn) -> VmOut:
    """Let the lease of a machine end on another day; one whose lease has ended may be started again."""
    who = actor(request)
    wanted = LeaseWish(wish.days, wish.until, wish.no_end)
    vm = leases.extend_vm(who, vm=get_vm(who, vm_id=vm_id), wish=wanted)
    return VmOut.of(who, vm, active_jobs([vm.pk]).get(vm.pk))


@router.put("/projects/{name}/lease", response=answers({200: ProjectOut}), operation_id="set_lease")
@action("project.lease")
def set_lease(request: HttpRequest, name: str, wish: LeaseIn) -> ProjectOut:
    """Say how long machines of a project may run; those that are there keep the end that they have."""
    who, given = actor(request), wish.dict()
    also_present = given.pop("also_present")
    project = get_project(who, name=name)
    return ProjectOut.of(
        leases.set_rules(who, project=project, rules=LeaseRules(**given), also_present=also_present)
    )


@router.delete(
    "/projects/{name}/lease",
    response=answers({200: ProjectOut}),
    operation_id="drop_lease",
    tags=["projects"],
)
@action("project.lease")
def drop_lease(request: HttpRequest, name: str) -> ProjectOut:
    """Let a project have no leases: its machines have no end any more."""
    who = actor(request)
    return ProjectOut.of(leases.set_rules(who, project=get_project(who, name=name), rules=None))
