"""/vms/actions: one verb on many machines."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.leases import Days
from vrabec.frontends.rest.schemas import ErrorBody, JobOut, answers
from vrabec.frontends.rest.vms import Tags
from vrabec.services.leases import LeaseWish
from vrabec.services.lists import VmQuery
from vrabec.services.vm_bulk import (
    MAX_MACHINES,
    WORDS,
    BulkAction,
    Outcome,
    Selection,
    act_on_many,
    summarize,
)
from vrabec.services.vms import SHUTDOWN_SECONDS

router = Router(tags=["machines"], auth=AUTH)
VmIds = Annotated[list[Annotated[int, Field(ge=1, lt=2**63)]], Field(max_length=MAX_MACHINES)]


class ActionIn(Schema):
    """What to do to which machines: `vms` are ids; `search` finds them instead, but none to delete.

    `deadline_seconds` and `then_power_off` are for shutdown, `tag` and `untag` for tag; `days`, `until` or
    `no_end` for extend, as of a single machine, but a lease is never made shorter.
    """

    action: Annotated[str, Field(max_length=20, examples=list(WORDS))]
    vms: VmIds = []
    search: Annotated[str, Field(max_length=200)] = ""
    deadline_seconds: Annotated[int, Field(ge=-(2**31), lt=2**31)] = SHUTDOWN_SECONDS
    then_power_off: bool = False
    tag: Tags = []
    untag: Tags = []
    days: Days | None = None
    until: date | None = None
    no_end: Annotated[bool, Field(strict=True)] = False


class ResultOut(Schema):
    """What became of one machine: its job, or why it was refused. Tags and leases need no job."""

    vm: int
    name: str
    job: JobOut | None
    error: ErrorBody | None


class ActionOut(Schema):
    """How many of how many, in words, and each one's own result."""

    message: str
    done: int
    total: int
    results: list[ResultOut]


@router.post("/vms/actions", response=answers({202: ActionOut}), operation_id="act_on_vms")
@action("vm.bulk")
def act(request: HttpRequest, wish: ActionIn) -> Status[ActionOut]:
    """Do one verb to many machines, 500 at most: each has its own job. Those that cannot now say why."""
    query = VmQuery(search=wish.search) if wish.search.strip() and not wish.vms else None
    selection = Selection(tuple(dict.fromkeys(wish.vms)), query)
    given = wish.dict(include={"deadline_seconds", "then_power_off"})
    given |= {"tag": tuple(wish.tag), "untag": tuple(wish.untag)}
    lease = LeaseWish(wish.days, wish.until, wish.no_end)
    wanted = BulkAction(wish.action, lease=lease, **given)
    done = act_on_many(actor(request), selection=selection, action=wanted)
    summary = summarize(wish.action, len(done), (one.refusal for one in done if one.refusal))
    results = [_result(one) for one in done]
    return Status(
        202, ActionOut(message=summary.message, done=summary.done, total=summary.total, results=results)
    )


def _result(one: Outcome) -> ResultOut:
    error = None
    if one.refusal:
        said = one.refusal.error
        error = ErrorBody(code=said.code, message=said.message, job=said.params.get("job_id"))
    return ResultOut(vm=one.vm_id, name=one.name, job=JobOut.of(one.job) if one.job else None, error=error)
