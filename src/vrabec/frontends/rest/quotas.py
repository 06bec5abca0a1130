"""/quotas: how much a project, a user or a group may take, and takes."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.people import Name
from vrabec.frontends.rest.schemas import Body, answers
from vrabec.services import quotas
from vrabec.services.quotas import Budget, Limits, payer_named

router = Router(tags=["people"], auth=AUTH)
Kind = Annotated[str, Field(max_length=16, examples=["project"])]
Holds = Literal["project", "user", "group"]
Limit = Annotated[int | None, Field(strict=True, ge=-(2**31), lt=2**31)]


class LimitsIn(Body):
    """What is at most to be taken; null, or what is left out, is no limit.

    With `counts_running` CPUs and memory count of machines that run or should, else of all.
    """

    vms: Limit = None
    cpus: Limit = None
    memory_mib: Limit = None
    disk_mib: Limit = None
    counts_running: Annotated[bool, Field(strict=True)] = False


class LimitsOut(Schema):
    """What is at most to be taken; null is no limit."""

    vms: int | None
    cpus: int | None
    memory_mib: int | None
    disk_mib: int | None
    counts_running: bool

    @staticmethod
    def of(limits: Limits) -> LimitsOut:
        """The schema of what the service says."""
        return LimitsOut(**vars(limits))


class TakenOut(Schema):
    """What counts."""

    vms: int
    cpus: int
    memory_mib: int
    disk_mib: int


class BudgetOut(Schema):
    """What somebody may take and takes. `is_own`: the limits are theirs, else those of their kind."""

    kind: str
    name: str
    limits: LimitsOut
    taken: TakenOut
    is_own: bool

    @staticmethod
    def of(budget: Budget) -> BudgetOut:
        """The schema of what the service says."""
        return BudgetOut(
            kind=budget.kind,
            name=budget.name,
            limits=LimitsOut.of(budget.limits),
            taken=TakenOut(**{what: budget.taken(what) for what in TakenOut.model_fields}),
            is_own=budget.is_own,
        )


class PayerIn(Schema):
    """A project, a user or a group by name; you without any."""

    project: Name = ""
    user: Name = ""
    group: Name = ""


@router.get("/quotas", response=answers({200: BudgetOut}), operation_id="get_quota")
@action("quota.list")
def get_quota(request: HttpRequest, whose: Query[PayerIn]) -> BudgetOut:
    """How much somebody may take, and takes; you without a name."""
    who = actor(request)
    return BudgetOut.of(quotas.read_budget(who, payer=payer_named(who, **whose.dict())))


@router.get("/quotas/defaults", response=answers({200: dict[str, LimitsOut]}), operation_id="list_defaults")
@action("quota.list")
def list_defaults(request: HttpRequest) -> dict[str, LimitsOut]:
    """The limits of every project, user and group that has none of its own."""
    return {kind: LimitsOut.of(limits) for kind, limits in quotas.defaults().items()}


@router.put("/quotas/{kind}", response=answers({200: LimitsOut}), operation_id="set_default")
@action("quota.change")
def set_default(request: HttpRequest, kind: Kind, wish: LimitsIn) -> LimitsOut:
    """Limit every project, user or group that has no limits of its own."""
    return LimitsOut.of(quotas.set_limits(actor(request), kind=kind, limits=Limits(**wish.dict())))


@router.put("/quotas/{kind}/{name}", response=answers({200: LimitsOut}), operation_id="set_quota")
@action("quota.change")
def set_quota(
    request: HttpRequest, kind: Literal["project", "user", "group"], name: str, wish: LimitsIn
) -> LimitsOut:
    """Limit a project, a user or a group; what is taken already stays."""
    limits = Limits(**wish.dict())
    return LimitsOut.of(quotas.set_limits(actor(request), kind=kind, name=name, limits=limits))


@router.delete("/quotas/{kind}/{name}", response=answers({200: LimitsOut}), operation_id="drop_quota")
@action("quota.change")
def drop_quota(request: HttpRequest, kind: Holds, name: str) -> LimitsOut:
    """Let the limits of all of its kind hold for a project, a user or a group."""
    return LimitsOut.of(quotas.set_limits(actor(request), kind=kind, name=name, limits=None))
