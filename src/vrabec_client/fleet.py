"""What the interface says of clusters as a whole: how full they are, and what would make them more even."""

from __future__ import annotations

from typing import TypedDict

from vrabec_client.schemas import VmResult


class Amounts(TypedDict):
    """Of CPUs, memory and disk: what there is, what may be promised (`most`), is promised, and is used.

    `vms` are machines that run or should run. `memory_kept_mib` is what machines of the host would take whose
    death would leave the least.
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


class HostCapacity(Amounts):
    """A host. If it died, `lost` machines would find no place; `lost_names` are the first of them."""

    host: str
    is_online: bool
    lost: int
    lost_names: list[str]


class Worst(TypedDict):
    """The host whose death would leave the least memory free: its machines, and what would be left."""

    host: str
    vms: int
    left_mib: int


class SizeRoom(TypedDict):
    """How many more machines of a size fit, and how many of them keep N+1."""

    size: str
    cpus: int
    memory_mib: int
    most: int
    covered: int


class ClusterCapacity(Amounts):
    """A cluster; its sums count the hosts that answer. `one_disk` are hosts that seem to share a folder."""

    id: int
    cluster: str
    looks_at_death: bool
    is_covered: bool
    worst: Worst | None
    one_disk: list[str]
    sizes: list[SizeRoom]
    hosts: list[HostCapacity]


class ProposedMove(TypedDict):
    """A move: the points by which it makes the cluster more even, what is copied, and about how long."""

    vm: int
    name: str
    source: str
    target: str
    gain: float
    copied_mib: int
    seconds: int


class Stuck(TypedDict):
    """Why so many machines stay where they are."""

    why: str
    count: int


class Balance(TypedDict):
    """Moves in their order. `before` and `after`: how uneven the cluster is, in points; less is better."""

    cluster: str
    before: float
    after: float
    moves: list[ProposedMove]
    stays: list[Stuck]


class WantedMove(TypedDict):
    """A move to make: a machine by its id, and a host by its name."""

    vm: int
    to: str


class Moved(TypedDict):
    """How many of how many are queued, and each one's own result."""

    done: int
    total: int
    results: list[VmResult]
