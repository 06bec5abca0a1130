"""/hosts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import JobOut, answers
from vrabec.models.hosts import Host
from vrabec.services import host_looks, hosts

router = Router(tags=["hosts"], auth=AUTH)


Fingerprint = Annotated[str, Field(max_length=100, examples=["SHA256:pQm4R2mV3eJ0lE1y2WlIoZ8yqkLbVn3lY"])]

State = Annotated[
    str, Field(max_length=300, description="online, unreachable, connecting, maintenance; or all.")
]


class HostIn(Schema):
    """A host to add, by its libvirt URI; by ssh with the fingerprint that a look at it has shown.

    Without a `cluster` it goes into the oldest one.
    """

    name: Annotated[str, Field(max_length=300)]
    uri: Annotated[str, Field(max_length=1000, examples=["qemu:///system"])]
    fingerprint: Fingerprint = ""
    cluster: Annotated[str, Field(max_length=300)] = ""


class HostPlaceIn(Schema):
    """The cluster to put a host into."""

    cluster: Annotated[str, Field(max_length=300)]


class LookIn(Schema):
    """Where to look."""

    uri: Annotated[str, Field(max_length=1000, examples=["qemu+ssh://root@kvm1/system"])]


class FoundOut(Schema):
    """What is there."""

    hostname: str
    arch: str
    cpus: int
    memory_mib: int
    libvirt_version: str
    machines: int
    networks: list[str]


class LookOut(Schema):
    """What a look has seen so far; why not more, its job says."""

    job: JobOut
    uri: str
    warning: str
    fingerprint: str
    found: FoundOut | None


class ConfirmIn(Schema):
    """The key to trust from now on."""

    fingerprint: Fingerprint


class KeyOut(Schema):
    """Vrabec's own key, for authorized_keys."""

    public_key: str


class HostOut(Schema):
    """A host as last seen. `domain_type` is kvm, or qemu where guests are emulated.

    `state` says whether it answers: connecting, online or unreachable. `maintenance_since` is null but for
    one that takes no machines.
    """

    id: int
    name: str
    cluster: str
    uri: str
    fingerprint: str
    state: str
    state_since: datetime
    maintenance_since: datetime | None
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

    @staticmethod
    def resolve_cluster(host: Host | HostOut) -> str:
        """Its name. ninja asks twice: of the row, and of what was made of it."""
        return host.cluster if isinstance(host.cluster, str) else getattr(host.cluster, "name", "")


@router.get("/hosts", response=answers({200: list[HostOut]}), operation_id="list_hosts")
@action("host.list")
def index(request: HttpRequest, state: State = "") -> list[HostOut]:
    """All hosts, or those in one state."""
    return [HostOut.from_orm(row) for row in hosts.list_hosts(actor(request), state=state)]


@router.post("/hosts", response=answers({202: JobOut}), operation_id="add_host")
@action("host.add")
def add(request: HttpRequest, host: HostIn) -> Status[JobOut]:
    """Add a host; the job looks at it."""
    return Status(202, JobOut.of(hosts.add_host(actor(request), **host.dict())))


@router.get("/hosts/key", response=answers({200: KeyOut}), operation_id="get_ssh_key")
@action("host.look")
def key(request: HttpRequest) -> KeyOut:
    """Vrabec's own SSH key: paste it into ~/.ssh/authorized_keys on a host."""
    return KeyOut(public_key=host_looks.public_key(actor(request)))


@router.post("/hosts/looks", response=answers({202: JobOut}), operation_id="look_at_host")
@action("host.look")
def look(request: HttpRequest, wish: LookIn) -> Status[JobOut]:
    """Look at a host before adding it; nothing is changed there."""
    return Status(202, JobOut.of(host_looks.look_at_host(actor(request), uri=wish.uri)))


@router.get("/hosts/looks/{look_id}", response=answers({200: LookOut}), operation_id="get_look")
@action("host.look")
def show_look(request: HttpRequest, look_id: int) -> LookOut:
    """What a look has seen, by the id of its job: the fingerprint of the host's key, and what is there."""
    seen = host_looks.get_look(actor(request), look_id=look_id)
    found = FoundOut(**seen.found) if seen.found else None
    return LookOut(
        job=JobOut.of(seen.job), uri=seen.uri, warning=seen.warning, fingerprint=seen.fingerprint, found=found
    )


@router.post("/hosts/{host_id}/confirm", response=answers({200: HostOut}), operation_id="confirm_host")
@action("host.confirm")
def confirm(request: HttpRequest, host_id: int, wish: ConfirmIn) -> HostOut:
    """Trust the key that a look has shown, in place of the one before: the host was installed anew."""
    who = actor(request)
    found = hosts.get_host(who, host_id=host_id)
    return HostOut.from_orm(hosts.confirm_host(who, host=found, fingerprint=wish.fingerprint))


@router.get("/hosts/{host_id}", response=answers({200: HostOut}), operation_id="get_host")
@action("host.view")
def show(request: HttpRequest, host_id: int) -> HostOut:
    """One host."""
    return HostOut.from_orm(hosts.get_host(actor(request), host_id=host_id))


@router.patch("/hosts/{host_id}", response=answers({200: HostOut}), operation_id="change_host")
@action("host.change")
def change(request: HttpRequest, host_id: int, wish: HostPlaceIn) -> HostOut:
    """Put a host into another cluster; what runs on it goes on running."""
    who = actor(request)
    found = hosts.get_host(who, host_id=host_id)
    return HostOut.from_orm(hosts.change_host(who, host=found, cluster=wish.cluster))


@router.delete("/hosts/{host_id}", response=answers({204: None}), operation_id="remove_host")
@action("host.remove")
def remove(request: HttpRequest, host_id: int) -> Status[None]:
    """Forget a host; everything on it goes on running."""
    who = actor(request)
    hosts.remove_host(who, host=hosts.get_host(who, host_id=host_id))
    return Status(204, None)
