"""/hosts and /networks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import JobOut, answers
from vrabec.services import hosts

router = Router(tags=["hosts"], auth=AUTH)


class HostIn(Schema):
    """A host to add, by its libvirt URI."""

    name: Annotated[str, Field(max_length=300)]
    uri: Annotated[str, Field(max_length=1000, examples=["qemu:///system"])]


class HostOut(Schema):
    """A host as last seen. `domain_type` is kvm, or qemu where guests are emulated."""

    id: int
    name: str
    uri: str
    state: str
    state_since: datetime
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


@router.get("/hosts", response=answers({200: list[HostOut]}), operation_id="list_hosts")
@action("host.list")
def index(request: HttpRequest) -> list[HostOut]:
    """All hosts."""
    return [HostOut.from_orm(row) for row in hosts.list_hosts(actor(request))]


@router.post("/hosts", response=answers({202: JobOut}), operation_id="add_host")
@action("host.add")
def add(request: HttpRequest, host: HostIn) -> Status[JobOut]:
    """Add a host; the job looks at it."""
    return Status(202, JobOut.of(hosts.add_host(actor(request), name=host.name, uri=host.uri)))


@router.get("/hosts/{host_id}", response=answers({200: HostOut}), operation_id="get_host")
@action("host.view")
def show(request: HttpRequest, host_id: int) -> HostOut:
    """One host."""
    return HostOut.from_orm(hosts.get_host(actor(request), host_id=host_id))


@router.delete("/hosts/{host_id}", response=answers({204: None}), operation_id="remove_host")
@action("host.remove")
def remove(request: HttpRequest, host_id: int) -> Status[None]:
    """Forget a host; everything on it goes on running."""
    who = actor(request)
    hosts.remove_host(who, host=hosts.get_host(who, host_id=host_id))
    return Status(204, None)


@router.get("/networks", response=answers({200: list[str]}), operation_id="list_networks")
@action("network.list")
def networks(request: HttpRequest) -> list[str]:
    """Networks that machines can be put on."""
    return hosts.list_networks(actor(request))
