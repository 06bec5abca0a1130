"""/vms/{id}/history: what a machine used, for charts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services import vms
from vrabec.services.history import Curve, vm_history

router = Router(tags=["machines"], auth=AUTH)


class RangeIn(Schema):
    """How far back: an hour, a day, a week, 30 days, 365 days."""

    range: Literal["1h", "1d", "1w", "1m", "1y"] = "1h"


class CurveOut(Schema):
    """One metric: a figure a point, null where nobody watched. `maximum`: of the single looks."""

    average: list[float | None]
    maximum: list[float | None]

    @staticmethod
    def of(curve: Curve) -> CurveOut:
        """The schema of a curve."""
        return CurveOut(average=curve.average, maximum=curve.maximum)


class HistoryOut(Schema):
    """Load over a range. Point `i` stands for the `step_s` seconds from `start` + `i` * `step_s`.

    CPU in percent of all the machine's CPUs, memory in MiB, the others in bytes a second.
    """

    range: str
    start: datetime
    step_s: int
    cpu_percent: CurveOut
    memory_used_mib: CurveOut
    disk_read_bytes_s: CurveOut
    disk_written_bytes_s: CurveOut
    net_received_bytes_s: CurveOut
    net_sent_bytes_s: CurveOut


@router.get("/vms/{vm_id}/history", response=answers({200: HistoryOut}), operation_id="get_vm_history")
@action("vm.view")
def show(request: HttpRequest, vm_id: int, wanted: Query[RangeIn]) -> HistoryOut:
    """What a machine used, in 366 points at most, oldest first."""
    who = actor(request)
    found = vm_history(who, vm=vms.get_vm(who, vm_id=vm_id), range_=wanted.range)
    curves = {metric: CurveOut.of(curve) for metric, curve in found.curves.items()}
    return HistoryOut(range=found.range, start=found.start, step_s=found.step, **curves)
