"""/vms: machines and their verbs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, JobOut, Page, PerPage, answers
from vrabec.lib.actor import Actor
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.cells import active_jobs, vm_cell
from vrabec.services.lists import SORTS, VmQuery, list_vms
from vrabec.services.permissions import may
from vrabec.services.screens import ask_screen, get_screen
from vrabec.services.states import starts_with_host
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.vm_edit import VmWords, describe_vm
from vrabec.services.whereabouts import twins_of
from vrabec.services.wishes import VmWish

router = Router(tags=["machines"], auth=AUTH)
Tags = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=200)]


HostNames = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=200)]


class PlaceIn(Schema):
    """What decides where a machine goes. Sizes in MiB; of a `farm` no two machines are made on one host.

    `hosts` are the only ones that it may be on, for administrators.
    """

    project: Annotated[str, Field(max_length=300)] = "main"
    template: Annotated[str, Field(max_length=300)] = "tiny"
    cpus: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 1
    memory_mib: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 192
    disk_mib: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 1024
    network: Annotated[str, Field(max_length=300)] = ""
    clone: Annotated[str, Field(max_length=20, examples=["linked", "full"])] = "linked"
    firmware: Annotated[str, Field(max_length=64, examples=["uefi"])] = "bios"
    farm: Annotated[str, Field(max_length=300, examples=["ldap"])] = ""
    cluster: Annotated[str, Field(max_length=300)] = ""
    hosts: HostNames = []


class VmIn(PlaceIn):
    """A machine to make. Sizes in MiB; `address` as 10.0.0.5/24, empty for DHCP; `firmware` bios or uefi.

    `lease_days` is how long it may run, null for as long as is usual in its project.
    """

    name: Annotated[str, Field(max_length=300, examples=["web-1"])]
    address: Annotated[str, Field(max_length=64)] = ""
    gateway: Annotated[str, Field(max_length=64)] = ""
    ssh_keys: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(max_length=100)] = []
    password: Annotated[str, Field(max_length=1000)] = ""
    run: Annotated[list[Annotated[str, Field(max_length=10_000)]], Field(max_length=200)] = []
    user_data: Annotated[str, Field(max_length=100_000)] = ""
    lease_days: Annotated[int | None, Field(ge=-(2**31), lt=2**31)] = None


class VmWordsIn(Body):
    """What to say of a machine; what is left out stays.

    `tags` are all of them, `tag` and `untag` single ones.
    """

    description: Annotated[str | None, Field(max_length=100_000)] = None
    tags: Tags | None = None
    tag: Tags = []
    untag: Tags = []
    farm: Annotated[str | None, Field(max_length=300)] = None


class VmProjectIn(Body):
    """The project whose people may see and run a found machine; "" for none."""

    project: Annotated[str, Field(max_length=300, examples=["alpha"])]


class ShutdownIn(Body):
    """How long the guest may take, and whether its plug is pulled after that."""

    deadline_seconds: Annotated[int, Field(ge=-(2**31), lt=2**31)] = vms.SHUTDOWN_SECONDS
    then_power_off: bool = False


class KeysIn(Body):
    """Keys to press one after the other; keys pressed together are joined by hyphens."""

    keys: Annotated[
        list[Annotated[str, Field(max_length=100)]],
        Field(max_length=100, examples=[["ctrl-alt-delete"]]),
    ] = [vms.CTRL_ALT_DELETE]


class ScreenOut(Schema):
    """A picture of a screen: `png` is the file, in base64."""

    taken_at: datetime
    png: str


class Asked(Schema):
    """A picture was asked for; `taken_at` is the last one's time so far."""

    vm: int
    taken_at: datetime | None


class VmOut(Schema):
    """A machine as last seen. `host` and `pinned_to` are given to administrators only.

    It belongs to the user `owner` or the group `owner_group`; with neither it is its project's.

    `next_cpus` and `next_memory_mib` are what the next start gives, null when it gives the same. `twins` are
    the ids of machines with the same UUID on other hosts, for administrators: copies, or moved by hand.

    `lease_ends_at` is when its lease ends, null for never; `lease_ended_at` when it was switched off for it.
    """

    id: int
    name: str
    uuid: UUID
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
    since: datetime
    lease_ends_at: datetime | None
    lease_ended_at: datetime | None
    created_at: datetime

    @staticmethod
    def of(who: Actor, vm: Vm, job: Job | None, twins: Iterable[Vm] | None = None) -> VmOut:
        """The schema of a row, as `who` may see it; `twins` as whereabouts.twins_of gives them."""
        cell = vm_cell(vm, job)
        names = may(who, "host.view")
        return VmOut(
            id=vm.pk,
            name=vm.name,
            uuid=vm.uuid,
            project=vm.project.name if vm.project else None,
            owner=vm.owner.username if vm.owner else None,
            owner_group=vm.owner_group.name if vm.owner_group else None,
            host=vm.host.name if vm.host and names else None,
            template=vm.template.name if vm.template else None,
            state=cell["state"],
            label=cell["label"],
            ready=vm.is_ready,
            wished=vm.wished,
            cpus=vm.cpus,
            memory_mib=vm.memory_mib,
            next_cpus=vm.next_cpus,
            next_memory_mib=vm.next_memory_mib,
            disk_mib=vm.disk_mib,
            network=vm.network,
            mac=vm.mac,
            address=vm.address,
            firmware=vm.firmware,
            cpu_percent=cell["cpu"],
            memory_used_mib=cell["memory_used"],
            description=vm.description,
            tags=vm.tags,
            farm=vm.farm,
            pinned_to=sorted(host.name for host in vm.pinned_to.all()) if names else [],
            managed=vm.is_managed,
            twins=[twin.pk for twin in (twins_of([vm])[vm.pk] if twins is None else twins) if names],
            starts_with_host=starts_with_host(vm),
            job=job.pk if job else None,
            since=cell["since"],
            lease_ends_at=vm.lease_ends_at,
            lease_ended_at=vm.lease_ended_at,
            created_at=vm.created_at,
        )


class VmQueryIn(Schema):
    """Which machines: `search` is as on the page (`web memory>=4G`), the others are whole values."""

    search: Annotated[str, Field(max_length=200)] = ""
    state: Annotated[str, Field(max_length=20)] = ""
    tag: Annotated[str, Field(max_length=64)] = ""
    name: Annotated[str, Field(max_length=300)] = ""
    project: Annotated[str, Field(max_length=300)] = ""
    sort: Annotated[str, Field(max_length=20, examples=list(SORTS))] = "state"
    page: Page = 1
    per_page: PerPage = 50


class VmPage(Schema):
    """One page of machines and how many there are in all."""

    items: list[VmOut]
    total: int
    page: int
    per_page: int


class VmJob(Schema):
    """The job that a verb queued, and its machine's id."""

    job: JobOut
    vm: int


def _queued(job: Job) -> Status[VmJob]:
    return Status(202, VmJob(job=JobOut.of(job), vm=job.vm_id or 0))


@router.get("/vms", response=answers({200: VmPage}), operation_id="list_vms")
@action("vm.list")
def index(request: HttpRequest, wanted: Query[VmQueryIn]) -> VmPage:
    """Machines you may see."""
    who = actor(request)
    found = list_vms(who, VmQuery(**wanted.dict()))
    if may(who, "host.view"):
        prefetch_related_objects(found.rows, "pinned_to")
    twins = twins_of(found.rows)
    items = [VmOut.of(who, vm, found.jobs.get(vm.pk), twins[vm.pk]) for vm in found.rows]
    return VmPage(items=items, total=found.total, page=wanted.page, per_page=wanted.per_page)


@router.post("/vms", response=answers({202: VmJob}), operation_id="create_vm")
@action("vm.create")
def create(request: HttpRequest, wish: VmIn) -> Status[VmJob]:
    """Clone a machine from a template and start it."""
    given = wish.dict()
    lists = {"ssh_keys": tuple(wish.ssh_keys), "run": tuple(wish.run), "hosts": tuple(wish.hosts)}
    return _queued(vms.create_vm(actor(request), wish=VmWish(**(given | lists))))


@router.get("/vms/{vm_id}", response=answers({200: VmOut}), operation_id="get_vm")
@action("vm.view")
def show(request: HttpRequest, vm_id: int) -> VmOut:
    """One machine."""
    who = actor(request)
    vm = vms.get_vm(who, vm_id=vm_id)
    return VmOut.of(who, vm, active_jobs([vm.pk]).get(vm.pk))


@router.patch("/vms/{vm_id}", response=answers({200: VmOut}), operation_id="describe_vm")
@action("vm.describe")
def describe(request: HttpRequest, vm_id: int, words: VmWordsIn) -> VmOut:
    """Write a machine's description (4,000 signs at most) and tags (20 of 1 to 32 of a-z, 0-9, hyphens)."""
    who = actor(request)
    given = VmWords(
        description=words.description,
        tags=None if words.tags is None else tuple(words.tags),
        tag=tuple(words.tag),
        untag=tuple(words.untag),
        farm=words.farm,
    )
    vm = describe_vm(who, vm=vms.get_vm(who, vm_id=vm_id), words=given)
    return VmOut.of(who, vm, active_jobs([vm.pk]).get(vm.pk))


@router.put("/vms/{vm_id}/project", response=answers({200: VmOut}), operation_id="adopt_vm")
@action("vm.adopt")
def adopt(request: HttpRequest, vm_id: int, wish: VmProjectIn) -> VmOut:
    """Give a machine that was found on its host to a project; "" takes it back. The host hears nothing."""
    who = actor(request)
    vm = adopt_vm(who, vm_id=vm_id, project=wish.project)
    return VmOut.of(who, vm, active_jobs([vm.pk]).get(vm.pk))


@router.post("/vms/{vm_id}/start", response=answers({202: VmJob}), operation_id="start_vm")
@action("vm.start")
def start(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Start a machine that is off; a hibernated one wakes where it was."""
    who = actor(request)
    return _queued(vms.start_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/shutdown", response=answers({202: VmJob}), operation_id="shutdown_vm")
@action("vm.shutdown")
def shutdown(request: HttpRequest, vm_id: int, wish: ShutdownIn | None = None) -> Status[VmJob]:
    """Ask the guest to shut down; after the deadline the job fails or, if so asked, pulls the plug."""
    who = actor(request)
    given = (wish or ShutdownIn()).dict()
    return _queued(vms.shutdown_vm(who, vm=vms.get_vm(who, vm_id=vm_id), **given))


@router.post("/vms/{vm_id}/power-off", response=answers({202: VmJob}), operation_id="power_off_vm")
@action("vm.power_off")
def power_off(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Pull the plug; what the guest has not written is lost. Of a hibernated machine its saved memory is."""
    who = actor(request)
    return _queued(vms.power_off_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/reboot", response=answers({202: VmJob}), operation_id="reboot_vm")
@action("vm.reboot")
def reboot(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Ask the guest to restart."""
    who = actor(request)
    return _queued(vms.reboot_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/reset", response=answers({202: VmJob}), operation_id="reset_vm")
@action("vm.reset")
def reset(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Restart a machine as by its reset button; what the guest has not written is lost."""
    who = actor(request)
    return _queued(vms.reset_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/pause", response=answers({202: VmJob}), operation_id="pause_vm")
@action("vm.pause")
def pause(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Stop the CPUs of a machine; it keeps its memory."""
    who = actor(request)
    return _queued(vms.pause_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/hibernate", response=answers({202: VmJob}), operation_id="hibernate_vm")
@action("vm.hibernate")
def hibernate(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Save the memory of a machine on its host and switch it off; a start goes on from there."""
    who = actor(request)
    return _queued(vms.hibernate_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.post("/vms/{vm_id}/send-keys", response=answers({202: VmJob}), operation_id="send_keys_vm")
@action("vm.send_keys")
def send_keys(request: HttpRequest, vm_id: int, wish: KeysIn | None = None) -> Status[VmJob]:
    """Press keys on the keyboard of a machine; without a body Ctrl-Alt-Del."""
    who = actor(request)
    return _queued(vms.send_keys_vm(who, vm=vms.get_vm(who, vm_id=vm_id), keys=(wish or KeysIn()).keys))


@router.get("/vms/{vm_id}/screenshot", response=answers({200: ScreenOut}), operation_id="get_screenshot")
@action("vm.screen")
def screenshot(request: HttpRequest, vm_id: int) -> ScreenOut:
    """The last picture of a machine's screen."""
    who = actor(request)
    vm = vms.get_vm(who, vm_id=vm_id)
    png = get_screen(who, vm=vm)
    return ScreenOut(taken_at=vm.screen_at or vm.state_since, png=b64encode(png).decode())


@router.post("/vms/{vm_id}/screenshot", response=answers({202: Asked}), operation_id="ask_screenshot")
@action("vm.screen")
def ask_screenshot(request: HttpRequest, vm_id: int) -> Status[Asked]:
    """Want a new picture of a machine's screen; it is there within seconds, with a later `taken_at`."""
    who = actor(request)
    vm = vms.get_vm(who, vm_id=vm_id)
    ask_screen(who, vm=vm)
    return Status(202, Asked(vm=vm.pk, taken_at=vm.screen_at))


@router.post("/vms/{vm_id}/resume", response=answers({202: VmJob}), operation_id="resume_vm")
@action("vm.resume")
def resume(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Let a paused machine go on."""
    who = actor(request)
    return _queued(vms.resume_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))


@router.delete("/vms/{vm_id}", response=answers({202: VmJob}), operation_id="delete_vm")
@action("vm.delete")
def delete(request: HttpRequest, vm_id: int) -> Status[VmJob]:
    """Delete a machine and its disks. This cannot be undone."""
    who = actor(request)
    return _queued(vms.delete_vm(who, vm=vms.get_vm(who, vm_id=vm_id)))
