"""What the interface says of hosts and clusters: what they are, how full, how emptied or made even."""

from __future__ import annotations

from typing import TypedDict

from vrabec_client.schemas import Job, VmResult


class Host(TypedDict):
    """A host as last seen."""

    id: int
    name: str
    cluster: str
    uri: str
    fingerprint: str
    state: str
    state_since: str
    maintenance_since: str | None
    reason: str
    hostname: str
    arch: str
    cpus: int
    memory_mib: int
    promised_mib: int
    vm_count: int
    libvirt_version: str
    hypervisor_version: str
    domain_type: str
    networks: list[str]
    pool_free_mib: int
    pool_total_mib: int


class SshKey(TypedDict):
    """Vrabec's own key, for authorized_keys."""

    public_key: str


class Found(TypedDict):
    """What a look at a host has found there."""

    hostname: str
    arch: str
    cpus: int
    memory_mib: int
    libvirt_version: str
    machines: int
    networks: list[str]


class Look(TypedDict):
    """A look at a host before it is added; `fingerprint` is "" where it is not reached by ssh."""

    job: Job
    uri: str
    warning: str
    fingerprint: str
    found: Found | None


class ClusterLimits(TypedDict, total=False):
    """How full a cluster may become. `cover` is what is done about N+1: off, say or refuse.

    `cpu` is what CPU a machine gets that is made under KVM: host or baseline.
    """

    memory_ratio: float
    cpu_ratio: float
    cover: str
    cpu: str
    balance_hours: int
    balance_moves: int


class ClusterWish(ClusterLimits, total=False):
    """What a cluster is to be; what is left out stays."""

    name: str


class HeldBack(TypedDict):
    """A host, and flags that its CPU lacks and another's in its cluster has."""

    host: str
    features: list[str]


class Baseline(TypedDict):
    """What the CPUs of a cluster's hosts have in common; `why` there is none."""

    model: str
    features: list[str]
    why: str
    held_back_by: list[HeldBack]


class Cluster(TypedDict):
    """Hosts that can stand in for each other. `cover` is what is done about N+1: off, say or refuse."""

    id: int
    name: str
    memory_ratio: float
    cpu_ratio: float
    cover: str
    cpu: str
    balance_hours: int
    balance_moves: int
    balanced_at: str | None
    host_count: int
    baseline: Baseline


class HostVerdict(TypedDict):
    """What is said of one host. Its name and its cluster's are given to administrators only."""

    host: str | None
    cluster: str | None
    fits: bool
    chosen: bool
    why: str
    free_mib: int


class Loss(TypedDict):
    """If `host` died, these machines would find no place; "" is the one that is being placed."""

    host: str
    machines: list[str]


class Placement(TypedDict):
    """Where a machine would go, the best host first. `losses` are told to administrators only."""

    fits: bool
    hosts: list[HostVerdict]
    losses: list[Loss]


class MaintenanceMove(TypedDict):
    """A machine that moves, and to which host."""

    vm: int
    name: str
    to: str
    memory_mib: int


class MaintenanceStay(TypedDict):
    """A machine that cannot move, and why."""

    vm: int
    name: str
    why: str


class MaintenancePlan(TypedDict):
    """What emptying a host comes to. `off` are machines that take nothing and stay.

    `covered`: whether any other host may die meanwhile, None where the cluster does not look at it.
    """

    moves: list[MaintenanceMove]
    stays: list[MaintenanceStay]
    off: list[str]
    seconds: int
    rate_mib_s: float
    is_measured: bool
    covered: bool | None
    losses: list[Loss]


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


class Network(TypedDict):
    """What machines can be put on. `hosts` is None for who may not see hosts."""

    name: str
    hosts: int | None
    machines: int
    is_for_all: bool
    projects: list[str]


class Pool(TypedDict):
    """A storage pool of a host; not active it has no sizes. `seen_at`: when its volumes were last read."""

    id: int
    name: str
    host: str
    kind: str
    source: str
    path: str
    is_active: bool
    capacity_mib: int
    available_mib: int
    volumes: int
    seen_at: str | None


class Volume(TypedDict):
    """A volume. `vm`: whose disk it is, None also for a machine that you do not see; `layers` over it."""

    name: str
    path: str
    format: str
    capacity_mib: int
    allocation_mib: int
    backing_path: str
    vm: int | None
    vm_name: str
    layers: int


class VolumePage(TypedDict):
    """One page of volumes, by name."""

    items: list[Volume]
    total: int
    page: int
    per_page: int
