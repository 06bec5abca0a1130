"""/hosts/{id}/maintenance and /hosts/{id}/resume: a host is emptied for repair, and filled again."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, JobOut, answers
from vrabec.frontends.rest.vm_place import LossOut
from vrabec.services.evacuation import Outlook
from vrabec.services.hosts import get_host
from vrabec.services.maintenance import LEAVE, maintain_host, plan_maintenance, resume_host

router = Router(tags=["hosts"], auth=AUTH)


class MaintainIn(Body):
    """What becomes of machines that cannot move: leave (they run on) or shutdown (they are asked to)."""

    rest: Annotated[str, Field(max_length=300, examples=["shutdown"])] = LEAVE


class ResumeIn(Body):
    """Whether machines that the maintenance moved away or shut down come back."""

    bring_back: bool = True


class MoveOut(Schema):
    """A machine that moves, and to which host."""

    vm: int
    name: str
    to: str
    memory_mib: int


class StayOut(Schema):
    """A machine that cannot move, and why."""

    vm: int
    name: str
    why: str


class MaintenancePlan(Schema):
    """What emptying a host comes to. `off` are machines that take nothing and stay.

    `seconds` at `rate_mib_s`, measured on earlier moves, or assumed. `covered`: whether any other host may
    die meanwhile (N+1), null where the cluster does not look at it; `losses` say who would lack a place.
    """

    moves: list[MoveOut]
    stays: list[StayOut]
    off: list[str]
    seconds: int
    rate_mib_s: float
    is_measured: bool
    covered: bool | None
    losses: list[LossOut]

    @staticmethod
    def of(found: Outlook) -> MaintenancePlan:
        """The schema of what the service says."""
        losses = found.losses or ()
        return MaintenancePlan(
            moves=[
                MoveOut(vm=one.vm_id, name=one.name, to=one.to, memory_mib=one.memory_mib)
                for one in found.moves
            ],
            stays=[StayOut(vm=one.vm_id, name=one.name, why=one.message) for one in found.stays],
            off=list(found.off),
            seconds=found.seconds,
            rate_mib_s=round(found.rate_mib_s, 1),
            is_measured=found.is_measured,
            covered=None if found.losses is None else not losses,
            losses=[LossOut(host=loss.host, machines=list(loss.machines)) for loss in losses],
        )


@router.get(
    "/hosts/{host_id}/maintenance",
    response=answers({200: MaintenancePlan}),
    operation_id="plan_maintenance",
)
@action("host.maintain")
def plan(request: HttpRequest, host_id: int) -> MaintenancePlan:
    """What emptying the host would come to now: which machine goes where, and what stays and why."""
    who = actor(request)
    return MaintenancePlan.of(plan_maintenance(who, host=get_host(who, host_id=host_id)))


@router.post("/hosts/{host_id}/maintenance", response=answers({202: JobOut}), operation_id="maintain_host")
@action("host.maintain")
def maintain(request: HttpRequest, host_id: int, wish: MaintainIn | None = None) -> Status[JobOut]:
    """Put the host into maintenance: it takes no machines now, and the job moves its own elsewhere."""
    who = actor(request)
    host = get_host(who, host_id=host_id)
    return Status(202, JobOut.of(maintain_host(who, host=host, rest=(wish or MaintainIn()).rest)))


@router.post("/hosts/{host_id}/resume", response=answers({202: JobOut}), operation_id="resume_host")
@action("host.resume")
def resume(request: HttpRequest, host_id: int, wish: ResumeIn | None = None) -> Status[JobOut]:
    """End the maintenance: the host takes machines, and the job brings those back that had to leave."""
    who = actor(request)
    host = get_host(who, host_id=host_id)
    back = (wish or ResumeIn()).bring_back
    return Status(202, JobOut.of(resume_host(who, host=host, bring_back=back)))
