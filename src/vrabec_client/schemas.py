"""What the REST interface takes and gives, as typed dictionaries; sizes in MiB, times as ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

TooFast = Literal["slow", "wait", "switch"]
"""What a move does with a guest that writes memory faster than the line carries it."""


class About(TypedDict):
    """What answers."""

    name: str
    version: str
    api: str


class Me(TypedDict):
    """Who the token stands for."""

    id: int
    name: str
    administrator: bool


class Token(TypedDict):
    """An API token, without its secret."""

    id: int
    name: str
    created_at: str
    expires_at: str
    used_at: str | None


class NewToken(Token):
    """A token just made; `secret` is said this once."""

    secret: str


class VmQuery(TypedDict, total=False):
    """What to list: `search` is as on the page (`web memory>=4G`), the others are whole values."""

    search: str
    state: str
    tag: str
    name: str
    project: str
    sort: str
    page: int
    per_page: int


class ViewWish(TypedDict, total=False):
    """What to keep in a view beside its name."""

    search: str
    sort: str
    columns: list[str]
    per_page: int | None


class View(TypedDict):
    """A search of the list that you keep under a name; no columns and no rows a page are the usual ones."""

    id: int
    name: str
    search: str
    sort: str
    columns: list[str]
    per_page: int | None


class VmWish(TypedDict, total=False):
    """What to ask of a new machine beside its name; what is left out takes the controller's default."""

    project: str
    template: str
    cpus: int
    memory_mib: int
    disk_mib: int
    network: str
    address: str
    gateway: str
    ssh_keys: list[str]
    password: str
    run: list[str]
    user_data: str
    clone: str
    firmware: str
    farm: str
    cluster: str
    hosts: list[str]


class PlaceWish(TypedDict, total=False):
    """What decides where a machine goes; what is left out takes the controller's default."""

    project: str
    template: str
    cpus: int
    memory_mib: int
    disk_mib: int
    network: str
    clone: str
    firmware: str
    farm: str
    cluster: str
    hosts: list[str]


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


class CloneWish(TypedDict, total=False):
    """What to ask of a machine's copy beside its name."""

    project: str
    ssh_keys: list[str]
    password: str


class VmSizes(TypedDict, total=False):
    """What a machine is to become; what is left out stays. A disk only grows."""

    cpus: int
    memory_mib: int
    disk_mib: int


class VmWords(TypedDict, total=False):
    """What to say of a machine; what is left out stays.

    `tags` are all of them, `tag` and `untag` single ones.
    """

    description: str
    tags: list[str]
    tag: list[str]
    untag: list[str]
    farm: str


class Vm(TypedDict):
    """A machine as last seen. `host` and `pinned_to` are given to administrators only.

    `next_cpus` and `next_memory_mib` are what the next start gives, None when it gives the same.
    """

    id: int
    name: str
    uuid: str
    project: str | None
    host: str | None
    template: str | None
    state: str
    label: str
    ready: bool
    wished: str
    cpus: int
    memory_mib: int
    next_cpus: int | None
    next_memory_mib: int | None
    disk_mib: int
    network: str
    mac: str
    address: str
    firmware: str
    cpu_percent: float | None
    memory_used_mib: int | None
    description: str
    tags: list[str]
    farm: str
    pinned_to: list[str]
    managed: bool
    twins: list[int]
    starts_with_host: bool
    job: int | None
    since: str
    created_at: str


class Curve(TypedDict):
    """One metric over time: a figure a point, None where nobody watched."""

    average: list[float | None]
    maximum: list[float | None]


class History(TypedDict):
    """What a machine used; point `i` stands for `step_s` seconds from `start` + `i` * `step_s`."""

    range: str
    start: str
    step_s: int
    cpu_percent: Curve
    memory_used_mib: Curve
    disk_read_bytes_s: Curve
    disk_written_bytes_s: Curve
    net_received_bytes_s: Curve
    net_sent_bytes_s: Curve


class Step(TypedDict):
    """One step of a job."""

    title: str
    begun: str | None
    ended: str | None


class Told(TypedDict):
    """How far a copy is, where a job makes one."""

    total_bytes: int | None
    left_bytes: int | None
    bytes_s: int | None
    seconds_left: int | None
    downtime_ms: int | None


class Target(TypedDict):
    """A host that a machine might move to; `reasons` is all that is in the way."""

    id: int
    name: str
    fits: bool
    reasons: list[str]
    memory_free_mib: int


class TargetList(TypedDict):
    """Every host, the best first."""

    items: list[Target]


class Job(TypedDict):
    """What is done to a host, step by step.

    `state`: queued, running, undoing; or as it ended: done, failed, cancelled, stuck.
    """

    id: int
    kind: str
    title: str
    state: str
    percent: int
    told: Told | None
    vm: int | None
    host: int | None
    template: int | None
    created_by: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    steps: list[Step]
    can_cancel: bool
    error_code: str
    error: str
    raw: str


class VmJob(TypedDict):
    """The job that a verb queued, and its machine's id."""

    job: Job
    vm: int


class VmAction(TypedDict, total=False):
    """What else belongs to an action on many: to a shutdown its deadline, to "tag" the tags."""

    deadline_seconds: int
    then_power_off: bool
    tag: list[str]
    untag: list[str]


class VmResult(TypedDict):
    """What became of one machine of many: its job, or why it was refused (code, message)."""

    vm: int
    name: str
    job: Job | None
    error: dict[str, Any] | None


class VmResults(TypedDict):
    """What became of many machines; `message` sums it up."""

    message: str
    done: int
    total: int
    results: list[VmResult]


class Asked(TypedDict):
    """A picture was asked for; `taken_at` is the last one's time so far."""

    vm: int
    taken_at: str | None


class Screen(TypedDict):
    """A picture of a screen: `png` is the file, in base64."""

    taken_at: str
    png: str


class VmXml(TypedDict):
    """The domain XML as last seen, without passwords."""

    xml: str
    seen_at: str


class Line(TypedDict):
    """One line of a job's log."""

    at: str
    step: str
    message: str


class Template(TypedDict):
    """What machines are cloned from."""

    id: int
    name: str
    title: str
    description: str
    state: str
    size_bytes: int
    disk_mib: int
    memory_mib: int
    has_uefi: bool
    takes_user_data: bool
    sha256: str
    built_at: str | None


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


class Project(TypedDict):
    """What machines belong to."""

    id: int
    name: str
    title: str
    created_at: str


class Activity(TypedDict):
    """One line of the record."""

    id: int
    at: str
    actor: str
    address: str
    action: str
    kind: str
    subject_id: int | None
    subject: str
    job_id: int | None
    detail: dict[str, Any]


class ConsoleTicket(TypedDict):
    """What opens a console once, within half a minute: a WebSocket to `path` that offers `protocols`."""

    path: str
    protocols: list[str]
    expires_at: str


class VmPage(TypedDict):
    """One page of machines, and how many match in all."""

    items: list[Vm]
    total: int
    page: int
    per_page: int


class JobPage(TypedDict):
    """One page of jobs, newest first."""

    items: list[Job]
    total: int
    page: int
    per_page: int


class ActivityPage(TypedDict):
    """One page of the record, newest first."""

    items: list[Activity]
    total: int
    page: int
    per_page: int
