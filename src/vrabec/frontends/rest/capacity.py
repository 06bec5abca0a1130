"""/capacity: how full clusters and hosts are, what fits still, and whom a host would take along that dies."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services.capacity import Amounts, ClusterCapacity, HostCapacity, SizeRoom, read_capacity

router = Router(tags=["hosts"], auth=AUTH)


class AmountsOut(Schema):
    """Of CPUs, memory and disk: what there is, what may be promised (`most`), is promised, and is used.

    `vms` are machines that run or should run: they are promised CPUs and memory. `memory_kept_mib` is what
    machines of the host would take whose death would leave the least. Disks promise what they could grow to.
    """

    vms: int
    cpus: int
    cpus_most: int
    cpus_promised: int
    cpus_used: float
    cpus_free: int
    memory_mib: int
    memory_most_mib: int
    memory_promised_mib: int
    memory_used_mib: int
    memory_kept_mib: int
    memory_free_mib: int
    disk_mib: int
    disk_promised_mib: int
    disk_used_mib: int
    disk_free_mib: int


class HostCapacityOut(AmountsOut):
    """A host. If it died, `lost` machines would find no place; `lost_names` are the first of them."""

    host: str
    is_online: bool
    lost: int
    lost_names: list[str]

    @staticmethod
    def of(one: HostCapacity) -> HostCapacityOut:
        """The schema of what the service says."""
        return HostCapacityOut(
            host=one.host.name,
            is_online=one.host.is_online,
            lost=one.lost,
            lost_names=list(one.lost_names),
            **_amounts(one.amounts),
        )


class WorstOut(Schema):
    """The host whose death would leave the least memory free: its machines, and what would be left."""

    host: str
    vms: int
    left_mib: int


class SizeRoomOut(Schema):
    """How many more machines of a size fit, and how many of them keep N+1; exact below a hundred."""

    size: str
    cpus: int
    memory_mib: int
    most: int
    covered: int

    @staticmethod
    def of(room: SizeRoom) -> SizeRoomOut:
        """The schema of what the service says."""
        size = room.size
        return SizeRoomOut(
            size=size.name, cpus=size.cpus, memory_mib=size.memory_mib, most=room.most, covered=room.covered
        )


class ClusterCapacityOut(AmountsOut):
    """A cluster; its sums count the hosts that take machines.

    `looks_at_death`: it is asked for N+1, and `is_covered` says whether any one host may die. `one_disk` are
    hosts whose disk is taken for one folder, and counted once.
    """

    id: int
    cluster: str
    looks_at_death: bool
    is_covered: bool
    worst: WorstOut | None
    one_disk: list[str]
    sizes: list[SizeRoomOut]
    hosts: list[HostCapacityOut]

    @staticmethod
    def of(found: ClusterCapacity) -> ClusterCapacityOut:
        """The schema of what the service says."""
        return ClusterCapacityOut(
            id=found.cluster.pk,
            cluster=found.cluster.name,
            looks_at_death=found.looks_at_death,
            is_covered=found.is_covered,
            worst=WorstOut.from_orm(found.worst) if found.worst else None,
            one_disk=list(found.one_disk),
            sizes=[SizeRoomOut.of(room) for room in found.rooms],
            hosts=[HostCapacityOut.of(one) for one in found.hosts],
            **_amounts(found.amounts),
        )


@router.get("/capacity", response=answers({200: list[ClusterCapacityOut]}), operation_id="get_capacity")
@action("cluster.capacity")
def show(request: HttpRequest, cluster: int | None = None) -> list[ClusterCapacityOut]:
    """How full every cluster that has hosts is, or the one of this id; no host is asked."""
    return [ClusterCapacityOut.of(one) for one in read_capacity(actor(request), cluster_id=cluster)]


def _amounts(amounts: Amounts) -> dict[str, Any]:
    return {name: getattr(amounts, name) for name in AmountsOut.model_fields}
