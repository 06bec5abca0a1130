"""Machines: what may be done to them and by whom. In which state: verbs.py. How: workflows/vms.py."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace

from django.db import IntegrityError, transaction

from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, NotFound
from vrabec.lib.keys import codes_of
from vrabec.lib.passwords import hash_password
from vrabec.models.changes import changed
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Vm, Wished, file_stem
from vrabec.services.hosts import hosts_named
from vrabec.services.jobs import FAILED
from vrabec.services.leases import begin_lease, first_end
from vrabec.services.networks import kinds_for
from vrabec.services.permissions import require
from vrabec.services.placement import Ask, Placement, choose, explained, require_room, take_lock
from vrabec.services.projects import get_project
from vrabec.services.queue import queue_vm_job
from vrabec.services.quotas import Purse, amounts_of, payers_of, starting
from vrabec.services.record import record
from vrabec.services.verbs import queue_verb, require_verb
from vrabec.services.whereabouts import running_twins
from vrabec.services.wishes import FULL, HostKind, VmWish, check_wish

SHUTDOWN_SECONDS = 90
MAX_SHUTDOWN_SECONDS = 3600
CTRL_ALT_DELETE = "ctrl-alt-delete"
_SHOWN = ("project", "host", "template", "created_by", "owner", "owner_group", "load")


def get_vm(actor: Actor, *, vm_id: int) -> Vm:
    """The machine of this id. Raises NotFound also when it is not for `actor` to see."""
    rows = Vm.objects.visible_to(actor).select_related(*_SHOWN)
    vm = rows.filter(pk=vm_id).first()
    if vm is None:
        raise NotFound("There is no machine with this id.")
    return vm


def create_vm(actor: Actor, *, wish: VmWish) -> Job:
    """Reserve a machine on the best host and queue its making.

    Raises Invalid (naming every broken limit), NotFound, Forbidden, Conflict for a taken name, NoCapacity.
    """
    project = project_named(actor, wish.project)
    require(actor, "vm.create", project)
    wish, template = _checked(actor, wish, project)
    pinned, lease_ends_at = _pinned(actor, wish), first_end(actor, project, wish.lease_days)
    with transaction.atomic():
        take_lock()
        require_free_name(wish.name, project)
        host_id = choose(actor, _ask(wish, template, project)).id
        vm = _made(actor, wish, project, template, host_id)
        begin_lease(vm, lease_ends_at)
        Purse().take(payers_of(vm), amounts_of(vm, runs=True))
        save_new(vm)
        vm.pinned_to.set(pinned)
        job = queue_vm_job(actor, "vm.create", vm, **_arguments(wish))
        record(actor, "vm.create", of=vm, job=job, template=template.name)
    return job


def place_vm(actor: Actor, *, wish: VmWish) -> Placement:
    """Where a machine would go now, and why; nothing is made. Its name and guest do not matter.

    Raises Invalid naming every broken limit, NotFound, Forbidden.
    """
    project = project_named(actor, wish.project)
    require(actor, "vm.place", project)
    wish = replace(
        wish, name="unnamed", address="", gateway="", ssh_keys=(), password="", run=(), user_data=""
    )
    wish, template = _checked(actor, wish, project)
    _pinned(actor, wish)
    return explained(_ask(wish, template, project))


def _pinned(actor: Actor, wish: VmWish) -> list[Host]:
    """The hosts to which a new machine is bound. Raises Invalid, Forbidden."""
    if wish.hosts:
        require(actor, "vm.pin")
    return hosts_named(wish.hosts)


def _checked(actor: Actor, wish: VmWish, project: Project) -> tuple[VmWish, Template]:
    """`wish` with a network, and its template: both for the project. Raises Invalid."""
    template = _template(actor, wish.template, project)
    hosts = kinds_for(project)
    wish = _with_network(wish, hosts)
    check_wish(wish, template, hosts)
    return wish, template


def _ask(wish: VmWish, template: Template, project: Project) -> Ask:
    image_mib = template.size_bytes // 2**20 + 1 + (template.disk_mib if wish.clone == FULL else 0)
    return Ask(
        wish.cpus,
        wish.memory_mib,
        wish.network,
        image_mib,
        wish.farm,
        project_id=project.pk,
        cluster=wish.cluster,
        hosts=tuple(sorted(set(wish.hosts))),
    )


def start_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue a start. Raises WrongState, NoCapacity, Conflict, Forbidden."""
    require_verb(actor, vm, "start")
    with transaction.atomic():
        take_lock()
        require_room(vm)
        Purse().take(payers_of(vm), starting(vm))
        return queue_verb(actor, "start", vm)


def shutdown_vm(
    actor: Actor, *, vm: Vm, deadline_seconds: int = SHUTDOWN_SECONDS, then_power_off: bool = False
) -> Job:
    """Queue asking the guest to shut down; after the deadline give up, or power off.

    Raises Invalid for the deadline, WrongState, Conflict, Forbidden.
    """
    check_deadline(deadline_seconds)
    return _do(actor, "shutdown", vm, deadline_seconds=deadline_seconds, then_power_off=then_power_off)


def check_deadline(seconds: int) -> None:
    """Raise Invalid when a guest cannot be given so long."""
    if not 1 <= seconds <= MAX_SHUTDOWN_SECONDS:
        raise Invalid(
            "Choose from %(least)s to %(most)s seconds.",
            field="deadline_seconds",
            least=1,
            most=MAX_SHUTDOWN_SECONDS,
        )


def power_off_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue pulling the plug: unwritten data or saved memory is lost. Raises as shutdown_vm."""
    return _do(actor, "power_off", vm)


def reboot_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue asking the guest to restart. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "reboot", vm)


def reset_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue a hard reset: unwritten data is lost. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "reset", vm)


def pause_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue stopping its CPUs; it keeps its memory. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "pause", vm)


def resume_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue letting a paused machine go on. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "resume", vm)


def hibernate_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue saving its memory on the host and switching it off. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "hibernate", vm)


def send_keys_vm(actor: Actor, *, vm: Vm, keys: Iterable[str] = (CTRL_ALT_DELETE,)) -> Job:
    """Queue pressing keys, one chord after the other. Raises Invalid, WrongState, Conflict, Forbidden."""
    return _do(actor, "send_keys", vm, codes=codes_of(keys))


def delete_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue deleting a machine with its disks. Raises WrongState, Conflict, Forbidden."""
    return _do(actor, "delete", vm)


def _do(actor: Actor, verb: str, vm: Vm, **args: object) -> Job:
    require_verb(actor, vm, verb)
    with transaction.atomic():
        return queue_verb(actor, verb, vm, **args)


def project_named(actor: Actor, name: str) -> Project:
    """The project that a form names. Raises Invalid naming the field."""
    try:
        return get_project(actor, name=name)
    except NotFound as error:
        raise Invalid("There is no project named %(name)s.", field="project", name=name[:64]) from error


def _template(actor: Actor, name: str, project: Project) -> Template:
    template = Template.objects.visible_to(actor).filter(name=name[:64].replace("\0", "")).first()
    if template is None:
        raise Invalid("There is no template named %(name)s.", field="template", name=name[:64])
    if template.state != TemplateState.READY:
        raise Invalid("The template %(name)s is still being built.", field="template", name=name)
    if not Template.objects.open_to(Project.objects.filter(pk=project.pk)).contains(template):
        raise Invalid(
            "The template %(name)s is not for the project %(project)s.",
            field="template",
            name=name,
            project=project.name,
        )
    return template


def _with_network(wish: VmWish, hosts: list[HostKind]) -> VmWish:
    """`wish` with a network: where none was asked for, "default" or the first there is."""
    if wish.network:
        return wish
    known = sorted({name for host in hosts for name in host.networks})
    return replace(wish, network="default" if "default" in known or not known else known[0])


def require_free_name(name: str, project: Project | None) -> None:
    """Raise Conflict when a machine of the project has this name, NotFound when it was just removed."""
    if project and not Project.objects.filter(pk=project.pk).exists():
        raise NotFound("There is no project named %(name)s.", name=project.name, field="project")
    if Vm.objects.present().filter(project=project, name=name, is_managed=True).exists():
        raise Conflict(
            "Project %(project)s has a machine named %(name)s already.",
            field="name",
            project=project.name if project else "",
            name=name,
        )


def _made(actor: Actor, wish: VmWish, project: Project, template: Template, host_id: int) -> Vm:
    domain_name, fresh = f"{project.name}.{wish.name}", uuid.uuid4()
    return Vm(
        name=wish.name,
        domain_name=domain_name,
        file_stem=file_stem(domain_name, fresh),
        uuid=fresh,
        project=project,
        host_id=host_id,
        template=template,
        cpus=wish.cpus,
        memory_mib=wish.memory_mib,
        disk_mib=wish.disk_mib,
        network=wish.network,
        mac=free_mac(),
        address=wish.address.partition("/")[0],
        firmware=wish.firmware,
        farm=wish.farm,
        wished=Wished.ON,
        has_agent=template.has_agent,
        created_by_id=actor.user_id or None,
        owner_id=actor.user_id or None,
    )


def save_new(vm: Vm) -> Vm:
    """Save a new machine, in the caller's transaction. Raises Conflict when somebody was faster."""
    try:
        with transaction.atomic():
            vm.save()
    except IntegrityError as error:
        raise Conflict("The name %(name)s was taken just now.", field="name", name=vm.name) from error
    changed("vm", vm.pk)
    return vm


def _arguments(wish: VmWish) -> dict[str, object]:
    """What the job needs beside the row. Of a password only its hash is kept."""
    return {
        "address": wish.address,
        "gateway": wish.gateway,
        "ssh_keys": [key.strip() for key in wish.ssh_keys],
        "password_hash": hash_password(wish.password) if wish.password else "",
        "run": list(wish.run),
        "user_data": wish.user_data,
        "clone": wish.clone,
    }


def free_mac() -> str:
    """A MAC address in QEMU's own range (52:54:00), free among ours."""
    while True:
        mac = "52:54:00:" + ":".join(f"{secrets.randbelow(256):02x}" for _ in range(3))
        if not Vm.objects.present().filter(mac=mac).exists():
            return mac


def keep_wish(vm: Vm) -> Job | None:
    """Start a machine that should run and does not, after its host came back. None when it cannot be now.

    One that runs elsewhere meanwhile stays off: somebody started it there while its host was away. So does
    one whose lease has ended.
    """
    if vm.is_lease_over or running_twins([vm]):
        return None
    with transaction.atomic():
        take_lock()
        try:
            require_room(vm)  # a host in maintenance has none
            job = queue_vm_job(SYSTEM, "vm.start", vm)
        except (NoCapacity, Conflict):
            return None
        record(SYSTEM, "vm.keep", of=vm, job=job)
    return job


def forbid_autostart(vm_id: int) -> Job | None:
    """Switch libvirt's own start of a managed machine off, once. None when there is nothing to do now."""
    vm = Vm.objects.filter(pk=vm_id, is_managed=True).select_related("host", "project").first()
    tried = Job.objects.filter(vm_id=vm_id, kind="vm.autostart_off", state__in=FAILED)
    if vm is None or tried.exists():
        return None
    with transaction.atomic():
        try:
            job = queue_vm_job(SYSTEM, "vm.autostart_off", vm)
        except Conflict:
            return None
        record(SYSTEM, "vm.autostart_off", of=vm, job=job)
    return job
