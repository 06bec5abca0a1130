"""/clusters/{id}/balance: moves that make a cluster more even, proposed and made."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import ErrorBody, JobOut, answers
from vrabec.frontends.rest.vm_bulk import ResultOut
from vrabec.services.balance import MOST_MOVES, USUAL_MOVES, Balance, Queued, Wanted, move_wanted, propose
from vrabec.services.clusters import get_cluster

router = Router(tags=["hosts"], auth=AUTH)
Most = Annotated[int, Query(ge=-(2**31), lt=2**31)]


class ProposedOut(Schema):
    """A move: the points by which it makes the cluster more even, what is copied, and about how long."""

    vm: int
    name: str
    source: str
    target: str
    gain: float
    copied_mib: int
    seconds: int


class StuckOut(Schema):
    """Why so many machines stay where they are, whatever room there is elsewhere."""

    why: str
    count: int


class BalanceOut(Schema):
    """Moves in their order. `before` and `after`: how uneven the cluster is, in points; less is better."""

    cluster: str
    before: float
    after: float
    moves: list[ProposedOut]
    stays: list[StuckOut]

    @staticmethod
    def of(found: Balance) -> BalanceOut:
        """The schema of what the service says."""
        return BalanceOut(
            cluster=found.cluster.name,
            before=round(found.before, 2),
            after=round(found.after, 2),
            moves=[
                ProposedOut(
                    vm=move.vm_id,
                    name=move.name,
                    source=move.source,
                    target=move.target,
                    gain=round(move.gain, 2),
                    copied_mib=move.copied_mib,
                    seconds=move.seconds,
                )
                for move in found.moves
            ],
            stays=[StuckOut(why=words % params, count=count) for (words, params), count in found.stays],
        )


class WantedIn(Schema):
    """A move to make: a machine by its id, and a host by its name."""

    vm: Annotated[int, Field(ge=1, lt=2**63)]
    to: Annotated[str, Field(max_length=300, examples=["kvm2"])]


class MovesIn(Schema):
    """Moves, in the order in which to make them."""

    moves: Annotated[list[WantedIn], Field(max_length=MOST_MOVES)]


class MovedOut(Schema):
    """How many of how many are queued, and each one's own result."""

    done: int
    total: int
    results: list[ResultOut]


@router.get("/clusters/{cluster_id}/balance", response=answers({200: BalanceOut}), operation_id="get_balance")
@action("cluster.balance")
def show(request: HttpRequest, cluster_id: int, most: Most = USUAL_MOVES) -> BalanceOut:
    """Propose at most so many moves that make a cluster more even; none leaves a host without cover."""
    who = actor(request)
    cluster = get_cluster(who, cluster_id=cluster_id)
    return BalanceOut.of(propose(who, cluster=cluster, most=most))


@router.post("/clusters/{cluster_id}/balance", response=answers({202: MovedOut}), operation_id="make_moves")
@action("cluster.balance")
def make(request: HttpRequest, cluster_id: int, wish: MovesIn) -> Status[MovedOut]:
    """Queue moves: each has its own job, and one that cannot be made any more says why."""
    who = actor(request)
    cluster = get_cluster(who, cluster_id=cluster_id)
    done = move_wanted(who, cluster=cluster, wanted=[Wanted(one.vm, one.to) for one in wish.moves])
    results = [_result(one) for one in done]
    queued = sum(one.job is not None for one in done)
    return Status(202, MovedOut(done=queued, total=len(done), results=results))


def _result(one: Queued) -> ResultOut:
    error = ErrorBody(code=one.error.code, message=one.error.message) if one.error else None
    return ResultOut(vm=one.vm_id, name=one.name, job=JobOut.of(one.job) if one.job else None, error=error)
