"""/clusters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, answers
from vrabec.models.clusters import Cluster
from vrabec.services import clusters
from vrabec.services.baselines import Common, common_of
from vrabec.services.clusters import ClusterWish

router = Router(tags=["hosts"], auth=AUTH)
Ratio = Annotated[float | None, Field(ge=-1e6, le=1e6)]
Whole = Annotated[int | None, Field(ge=-(2**31), lt=2**31)]
CoverIn = Annotated[str | None, Field(max_length=64, examples=["say"])]
CpuIn = Annotated[str | None, Field(max_length=64, examples=["baseline"])]


class ClusterIn(Schema):
    """A cluster to make: how much of a host may be promised, times its memory and its CPUs.

    `cover` is about N+1 (whichever one host dies, its machines find a place): off, say or refuse. `cpu` is
    what a machine gets that is made under KVM: host, its host's own, or baseline, what all hosts have.
    Every `balance_hours` it is balanced by at most `balance_moves` moves; 0: only when somebody asks.
    """

    name: Annotated[str, Field(max_length=300)]
    memory_ratio: Ratio = None
    cpu_ratio: Ratio = None
    cover: CoverIn = None
    cpu: CpuIn = None
    balance_hours: Whole = None
    balance_moves: Whole = None


class ClusterChange(Body):
    """What a cluster is to be; what is left out stays."""

    name: Annotated[str | None, Field(max_length=300)] = None
    memory_ratio: Ratio = None
    cpu_ratio: Ratio = None
    cover: CoverIn = None
    cpu: CpuIn = None
    balance_hours: Whole = None
    balance_moves: Whole = None


class HeldOut(Schema):
    """A host that holds its cluster back: flags that another host has and it lacks."""

    host: str
    features: list[str]


class BaselineOut(Schema):
    """What the CPUs of a cluster's hosts have in common. `why` says why there is nothing."""

    model: str
    features: list[str]
    why: str
    held_back_by: list[HeldOut]

    @staticmethod
    def of(common: Common) -> BaselineOut:
        """The schema of what the service says."""
        return BaselineOut(
            model=common.baseline.model,
            features=list(common.baseline.features),
            why=common.why[0] % common.why[1] if common.why else "",
            held_back_by=[HeldOut(host=one.host, features=list(one.features)) for one in common.held],
        )


class ClusterOut(Schema):
    """Hosts that can stand in for each other; `balanced_at`: when it was last done by the clock."""

    id: int
    name: str
    memory_ratio: float
    cpu_ratio: float
    cover: str
    cpu: str
    balance_hours: int
    balance_moves: int
    balanced_at: datetime | None
    host_count: int
    baseline: BaselineOut

    @staticmethod
    def all_of(found: Iterable[Cluster]) -> list[ClusterOut]:
        """The schemas of rows, each with its baseline: one query more."""
        rows = list(found)
        common = common_of(rows)
        own = [name for name in ClusterOut.model_fields if name not in ("id", "baseline")]
        return [
            ClusterOut(
                id=row.pk,
                baseline=BaselineOut.of(common[row.pk]),
                **{name: getattr(row, name) for name in own},
            )
            for row in rows
        ]


@router.get("/clusters", response=answers({200: list[ClusterOut]}), operation_id="list_clusters")
@action("cluster.list")
def index(request: HttpRequest) -> list[ClusterOut]:
    """All clusters."""
    return ClusterOut.all_of(clusters.list_clusters(actor(request)))


@router.post("/clusters", response=answers({201: ClusterOut}), operation_id="create_cluster")
@action("cluster.create")
def create(request: HttpRequest, wish: ClusterIn) -> Status[ClusterOut]:
    """Make a cluster; hosts are put into it by PATCH."""
    made = clusters.create_cluster(actor(request), wish=ClusterWish(**wish.dict()))
    return Status(201, ClusterOut.all_of([made])[0])


@router.patch("/clusters/{cluster_id}", response=answers({200: ClusterOut}), operation_id="change_cluster")
@action("cluster.change")
def change(request: HttpRequest, cluster_id: int, wish: ClusterChange) -> ClusterOut:
    """Change a cluster; machines beyond its new limits go on running."""
    who = actor(request)
    found = clusters.get_cluster(who, cluster_id=cluster_id)
    changed = clusters.change_cluster(who, cluster=found, wish=ClusterWish(**wish.dict()))
    return ClusterOut.all_of([changed])[0]


@router.delete("/clusters/{cluster_id}", response=answers({204: None}), operation_id="remove_cluster")
@action("cluster.remove")
def remove(request: HttpRequest, cluster_id: int) -> Status[None]:
    """Remove a cluster that has no hosts."""
    who = actor(request)
    clusters.remove_cluster(who, cluster=clusters.get_cluster(who, cluster_id=cluster_id))
    return Status(204, None)
