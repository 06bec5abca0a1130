"""/vms/{id}/...: verbs that change what a machine is."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, JobOut, answers
from vrabec.frontends.rest.vms import VmJob
from vrabec.models.jobs import Job
from vrabec.services import vm_edit
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vms import get_vm
from vrabec.services.wishes import VmSizes

router = Router(tags=["machines"], auth=AUTH)


class RenameIn(Schema):
    """A machine's new name."""

    name: Annotated[str, Field(max_length=300, examples=["web-2"])]


class SizesIn(Body):
    """What a machine is to become, sizes in MiB; what is left out stays. A disk only grows."""

    cpus: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None
    memory_mib: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None
    disk_mib: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None


class CloneIn(Schema):
    """The copy of a machine. Keys and password are for its guest; the disk holds those of the original.

    `lease_days` is how long it may run, null for as long as is usual in its project.
    """

    name: Annotated[str, Field(max_length=300, examples=["web-2"])]
    project: Annotated[str, Field(max_length=300)] = "main"
    ssh_keys: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(max_length=100)] = []
    password: Annotated[str, Field(max_length=1000)] = ""
    lease_days: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None


def _queued(job: Job) -> Status[VmJob]:
    return Status(202, VmJob(job=JobOut.of(job), vm=job.vm_id or 0))


@router.post("/vms/{vm_id}/rename", response=answers({202: VmJob}), operation_id="rename_vm")
@action("vm.rename")
def rename(request: HttpRequest, vm_id: int, wish: RenameIn) -> Status[VmJob]:
    """Give a machine that is off another name; its guest has it at its next start."""
    who = actor(request)
    return _queued(vm_edit.rename_vm(who, vm=get_vm(who, vm_id=vm_id), name=wish.name))


@router.post("/vms/{vm_id}/resize", response=answers({202: VmJob}), operation_id="resize_vm")
@action("vm.resize")
def resize(request: HttpRequest, vm_id: int, sizes: SizesIn) -> Status[VmJob]:
    """Change CPUs and memory, let the disk grow.

    A machine that runs has the larger disk at once, CPUs and memory as of its next start.
    """
    who = actor(request)
    wanted = VmSizes(**sizes.dict())
    return _queued(vm_edit.resize_vm(who, vm=get_vm(who, vm_id=vm_id), sizes=wanted))


@router.post("/vms/{vm_id}/clone", response=answers({202: VmJob}), operation_id="clone_vm")
@action("vm.clone")
def clone(request: HttpRequest, vm_id: int, wish: CloneIn) -> Status[VmJob]:
    """Copy a machine that is off, with its whole disk; `vm` is the copy, which is off as well."""
    who = actor(request)
    copy = CloneWish(**(wish.dict() | {"ssh_keys": tuple(wish.ssh_keys)}))
    return _queued(clone_vm(who, vm=get_vm(who, vm_id=vm_id), wish=copy))
