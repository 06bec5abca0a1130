"""Machines: what may be done to them, by whom and in which state. How: workflows/vms.py."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace

from django.db import IntegrityError, transaction

from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, NotFound, WrongState
from vrabec.lib.passwords import hash_password
from vrabec.models.changes import changed
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.scheduler.place import Ask
from vrabec.services.permissions import may, require
from vrabec.services.placement import choose, require_room, take_lock
from vrabec.services.projects import get_project
from vrabec.services.queue import queue_vm_job
from vrabec.services.record import record
from vrabec.services.wishes import VmWish, check_wish

VERBS: dict[str, tuple[Seen, ...]] = {
    "start": (Seen.OFF, Seen.CRASHED),
    "shutdown": (Seen.RUNNING,),
    "power_off": (Seen.RUNNING, Seen.PAUSED, Seen.CRASHED),
    "delete": (Seen.OFF, Seen.RUNNING, Seen.PAUSED, Seen.CRASHED, Seen.PENDING),
}
"""Which verb is allowed in which state."""

_REFUSALS = {
    Seen.PENDING: "%(name)s does not exist yet.",
    Seen.UNKNOWN: "The state of %(name)s is unknown: its host does not answer.",
    Seen.RUNNING: "%(name)s runs already.",
    Seen.PAUSED: "%(name)s is paused.",
    Seen.OFF: "%(name)s is off.",
    Seen.CRASHED: "%(name)s has crashed.",
}


def get_vm(actor: Actor, *, vm_id: int) -> Vm:
    """The machine of this id. Raises NotFound also when it is not for `actor` to see."""
    rows = Vm.objects.visible_to(actor).select_related("project", "host", "template", "created_by", "load")
    vm = rows.filter(pk=vm_id).first()
    if vm is None:
        raise NotFound("There is no machine with this id.")
    return vm


def create_vm(actor: Actor, *, wish: VmWish) -> Job:
    """Reserve a machine on the best host and queue its making.

    Raises Invalid (naming every broken limit), NotFound, Forbidden, Conflict for a taken name, NoCapacity.
    """
    project = _project(actor, wish)
    require(actor, "vm.create", project.pk)
    template = _template(wish.template)
    hosts = list(Host.objects.present())
    wish = _with_network(wish, hosts)
    check_wish(wish, template, hosts)
    with transaction.atomic():
        take_lock()
        _require_free_name(wish, project)
        image_mib = template.size_bytes // 2**20 + 1
        host_id = choose(Ask(wish.cpus, wish.memory_mib, wish.network, image_mib))[0].host.id
        vm = _reserve(actor, wish, project, template, host_id)
        job = queue_vm_job(actor, "vm.create", vm, **_arguments(wish))
        record(actor, "vm.create", of=vm, job=job, template=template.name)
    return job


def start_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue a start. Raises WrongState, NoCapacity, Conflict, Forbidden."""
    _require_verb(actor, vm, "start")
    with transaction.atomic():
        take_lock()
        require_room(vm)
        return _queue(actor, "start", vm, Wished.ON)


def shutdown_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue asking the guest to shut down. Raises WrongState, Conflict, Forbidden."""
    _require_verb(actor, vm, "shutdown")
    with transaction.atomic():
        return _queue(actor, "shutdown", vm, Wished.OFF)


def power_off_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue pulling the plug: unwritten data is lost. Raises WrongState, Conflict, Forbidden."""
    _require_verb(actor, vm, "power_off")
    with transaction.atomic():
        return _queue(actor, "power_off", vm, Wished.OFF)


def delete_vm(actor: Actor, *, vm: Vm) -> Job:
    """Queue deleting a machine with its disks. Raises WrongState, Conflict, Forbidden."""
    _require_verb(actor, vm, "delete")
    if not vm.is_managed:
        raise WrongState("%(name)s was not made by Vrabec; delete it on its host.", name=vm.name)
    with transaction.atomic():
        return _queue(
            actor, "delete", vm, Wished.OFF, was_wished=vm.wished, was_running=vm.seen == Seen.RUNNING
        )


def allowed_verbs(actor: Actor, vm: Vm, *, busy: bool = False) -> tuple[str, ...]:
    """The verbs that the machine's state and the actor's rights allow now."""
    if busy or not may(actor, "vm.start", vm.project_id) or not _host_answers(vm):
        return ()
    verbs = tuple(verb for verb, states in VERBS.items() if vm.seen in states)
    return verbs if vm.is_managed else tuple(verb for verb in verbs if verb != "delete")


def _queue(actor: Actor, verb: str, vm: Vm, wished: Wished, **args: object) -> Job:
    job = queue_vm_job(actor, f"vm.{verb}", vm, **args)
    if vm.is_managed:
        Vm.objects.filter(pk=vm.pk).update(wished=wished)
    record(actor, f"vm.{verb}", of=vm, job=job)
    return job


def _require_verb(actor: Actor, vm: Vm, verb: str) -> None:
    require(actor, f"vm.{verb}", vm.project_id)
    if not _host_answers(vm):
        raise WrongState("The host of %(name)s does not answer; wait until it does.", name=vm.name)
    if vm.seen not in VERBS[verb]:
        raise WrongState(_REFUSALS[Seen(vm.seen)], name=vm.name, state=Seen(vm.seen).label)


def _host_answers(vm: Vm) -> bool:
    return vm.host is not None and vm.host.state == HostState.ONLINE


def _project(actor: Actor, wish: VmWish) -> Project:
    try:
        return get_project(actor, name=wish.project)
    except NotFound as error:
        raise Invalid(
            "There is no project named %(name)s.", field="project", name=wish.project[:64]
        ) from error


def _template(name: str) -> Template:
    template = Template.objects.filter(name=name[:64]).first()
    if template is None:
        raise Invalid("There is no template named %(name)s.", field="template", name=name[:64])
    if template.state != TemplateState.READY:
        raise Invalid("The template %(name)s is still being built.", field="template", name=name)
    return template


def _with_network(wish: VmWish, hosts: list[Host]) -> VmWish:
    """`wish` with a network: where none was asked for, "default" or the first there is."""
    if wish.network:
        return wish
    known = sorted({name for host in hosts for name in host.networks})
    return replace(wish, network="default" if "default" in known or not known else known[0])


def _require_free_name(wish: VmWish, project: Project) -> None:
    if Vm.objects.present().filter(project=project, name=wish.name, is_managed=True).exists():
        raise Conflict(
            "Project %(project)s has a machine named %(name)s already.",
            field="name",
            project=project.name,
            name=wish.name,
        )


def _reserve(actor: Actor, wish: VmWish, project: Project, template: Template, host_id: int) -> Vm:
    vm = Vm(
        name=wish.name,
        domain_name=f"{project.name}.{wish.name}",
        uuid=uuid.uuid4(),
        project=project,
        host_id=host_id,
        template=template,
        cpus=wish.cpus,
        memory_mib=wish.memory_mib,
        disk_mib=wish.disk_mib,
        network=wish.network,
        mac=_new_mac(),
        address=wish.address.partition("/")[0],
        firmware=wish.firmware,
        wished=Wished.ON,
        has_agent=template.has_agent,
        created_by_id=actor.user_id or None,
    )
    try:
        with transaction.atomic():
            vm.save()
    except IntegrityError as error:
        raise Conflict("The name %(name)s was taken just now.", field="name", name=wish.name) from error
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
    }


def _new_mac() -> str:
    """A MAC address in QEMU's own range (52:54:00), free among ours."""
    while True:
        mac = "52:54:00:" + ":".join(f"{secrets.randbelow(256):02x}" for _ in range(3))
        if not Vm.objects.present().filter(mac=mac).exists():
            return mac


def keep_wish(vm: Vm) -> Job | None:
    """Start a machine that should run and does not, after its host came back. None when it cannot be now."""
    with transaction.atomic():
        take_lock()
        try:
            require_room(vm)
            job = queue_vm_job(SYSTEM, "vm.start", vm)
        except (NoCapacity, Conflict):
            return None
        record(SYSTEM, "vm.keep", of=vm, job=job)
    return job
