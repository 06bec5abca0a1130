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
    lease_days: int | None


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


class CloneWish(TypedDict, total=False):
    """What to ask of a machine's copy beside its name."""

    project: str
    ssh_keys: list[str]
    password: str
    lease_days: int | None


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
    owner: str | None
    owner_group: str | None
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
    lease_ends_at: str | None
    lease_ended_at: str | None
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
    """What else belongs to an action on many: to a shutdown its deadline, to "tag" the tags.

    To "extend" one of `days` from today, `until` (a day) and `no_end`.
    """

    deadline_seconds: int
    then_power_off: bool
    tag: list[str]
    untag: list[str]
    days: int | None
    until: str | None
    no_end: bool


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
    is_for_all: bool
    projects: list[str]


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
