"""What goes into the hypervisor package and what comes out: frozen, without libvirt's types."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from vrabec.lib.fit import Needs, Offers


@dataclass(frozen=True)
class VmSpec:
    """A machine to be made. `disk_path` is a qcow2 file, `seed_path` an ISO image; both lie on the host.

    `controller` names the Vrabec that made it: two of them may use one host, and `vm_id` is each one's own.
    `firmware` is "bios" or "uefi". `cpu` is a CPU in libvirt's XML, "" for what its host has.
    """

    vm_id: int
    uuid: str
    name: str
    title: str
    cpus: int
    memory_mib: int
    domain_type: str
    arch: str
    disk_path: str
    seed_path: str | None
    network: str
    mac: str
    has_agent: bool
    project: str = ""
    controller: str = ""
    firmware: str = "bios"
    cpu: str = ""


USER_NETWORK = "user/nat"
"""QEMU's own NAT: all that an ordinary user's libvirt has. No network of libvirt's has a slash in it."""


class DomainState(StrEnum):
    """What a machine does. A crashed one does not run: QEMU died, or the guest panicked.

    A hibernated one is off, with its memory saved by libvirt ("managed save"): a start goes on from there.
    """

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    HIBERNATED = "hibernated"
    CRASHED = "crashed"


class OffReason(StrEnum):
    """Why a machine does not run. libvirt forgets it when it restarts, and then says unknown."""

    SHUTDOWN = "shutdown"
    DESTROYED = "destroyed"
    CRASHED = "crashed"
    FAILED = "failed"
    MIGRATED = "migrated"
    SAVED = "saved"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DiskFacts:
    """One disk: `path` for a file or block device, else `pool` and `volume`; all empty for an empty drive."""

    target: str
    device: str
    path: str
    pool: str
    volume: str
    format: str


@dataclass(frozen=True)
class DomainDefinition:
    """What stands in a domain's XML. `agent_connected` is known from the XML of a running one alone."""

    uuid: str
    name: str
    title: str
    domain_type: str
    cpus: int
    memory_mib: int
    disks: tuple[DiskFacts, ...]
    macs: tuple[str, ...]
    networks: tuple[str, ...]
    has_agent_channel: bool
    agent_connected: bool
    vrabec_id: int | None
    controller: str


@dataclass(frozen=True)
class DomainFacts:
    """A machine as its host has it.

    `off_reason` is None while it runs. `defined_...` is what the next start gives it. `autostart`: libvirt
    itself starts it with the host. `xml` is what libvirt shows of it now, without secrets; it changes with
    every start, so that two looks are compared without it. `digest` is over all that the host said.
    """

    uuid: str
    name: str
    title: str
    state: DomainState
    off_reason: OffReason | None
    is_persistent: bool
    defined_cpus: int
    defined_memory_mib: int
    cpus: int
    memory_mib: int
    disks: tuple[DiskFacts, ...]
    macs: tuple[str, ...]
    networks: tuple[str, ...]
    domain_type: str
    has_agent_channel: bool
    agent_connected: bool
    vrabec_id: int | None
    controller: str
    autostart: bool
    xml: str = field(default="", compare=False)
    digest: str = field(default="", compare=False)
    needs: Needs = field(default_factory=Needs, compare=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a look says of a machine although nothing changed: the rest need not be remembered."""

    uuid: str
    state: DomainState
    off_reason: OffReason | None
    autostart: bool
    agent_connected: bool

    @classmethod
    def of(cls, found: DomainFacts | Standing) -> Standing:
        """The part of `found`."""
        return cls(found.uuid, found.state, found.off_reason, found.autostart, found.agent_connected)


Look = Standing | DomainFacts
"""What a look says of a machine: that it is as was known, or all that was read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a machine before a look: the digest of its facts and whether its agent was connected.

    `state` is a DomainState, or another word where somebody wrote that meanwhile; it is then read again.
    """

    digest: str | None
    state: str
    agent_connected: bool


@dataclass(frozen=True)
class HostFacts:
    """A host. `domain_types` is what libvirt believes: only probe_kvm knows whether KVM works."""

    hostname: str
    host_uuid: str
    arch: str
    cpus: int
    memory_mib: int
    libvirt_version: str
    hypervisor: str
    hypervisor_version: str
    domain_types: tuple[str, ...]
    networks: tuple[str, ...]
    offers: Offers = field(default_factory=Offers)


@dataclass(frozen=True)
class PoolInfo:
    """A storage pool; sizes as of libvirt's last refresh."""

    name: str
    path: str
    capacity_mib: int
    available_mib: int


@dataclass(frozen=True)
class PoolFacts:
    """A storage pool as its host has it, whoever made it; sizes as of libvirt's last refresh.

    `kind` is libvirt's: dir, netfs, logical, rbd. `source` is what it stands on, "" for a directory of the
    host's own: "nfs1:/export/vms". One that is not active has no sizes.
    """

    name: str
    kind: str
    source: str
    path: str
    is_active: bool
    capacity_mib: int
    available_mib: int


@dataclass(frozen=True)
class VolumeInfo:
    """A volume; `capacity_mib` is what a guest sees, `allocation_mib` what it takes from the pool."""

    name: str
    path: str
    capacity_mib: int
    allocation_mib: int
    format: str
    backing_path: str


class EventKind(StrEnum):
    """What an event is about: a machine's life, the agent inside it, a pool, or the connection's end."""

    LIFECYCLE = "lifecycle"
    AGENT = "agent"
    POOL = "pool"
    CLOSED = "closed"


@dataclass(frozen=True)
class Event:
    """Something that a host said by itself; uuid and name are empty when the connection closed.

    Of a pool they are the pool's.
    """

    kind: EventKind
    uuid: str
    name: str
    what: str
    detail: str


@dataclass(frozen=True)
class Sample:
    """Counters of one running machine since its start, at `at_s` of time.monotonic().

    `memory_used_mib` is what the guest uses, as its balloon says; without one what the host gave it.
    `disk_size_mib` is what its disks are promised, `disk_used_mib` what they take.
    """

    uuid: str
    at_s: float
    cpus: int
    cpu_time_ns: int
    memory_mib: int
    memory_used_mib: int
    disk_size_mib: int
    disk_used_mib: int
    disk_read_bytes: int
    disk_written_bytes: int
    net_received_bytes: int
    net_sent_bytes: int
