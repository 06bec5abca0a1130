"""A copy of a machine that is off, as a machine of its own beside it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.passwords import hash_password
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.vms import Vm, Wished, file_stem
from vrabec.services.leases import begin_lease, first_end
from vrabec.services.networks import require_open
from vrabec.services.permissions import require
from vrabec.services.placement import take_lock
from vrabec.services.queue import in_the_way, queue_vm_job
from vrabec.services.quotas import Purse, amounts_of, payers_of
from vrabec.services.record import record
from vrabec.services.verbs import require_verb
from vrabec.services.vms import free_mac, project_named, require_free_name, save_new
from vrabec.services.wishes import check_guest


@dataclass(frozen=True)
class CloneWish:
    """The copy as asked for. Keys stand beside those that the source was made with; "" keeps its password.

    `lease_days` is how long it may run, None for as long as is usual in its project.
    """

    name: str
    project: str
    ssh_keys: tuple[str, ...] = ()
    password: str = ""
    lease_days: int | None = None


def clone_vm(actor: Actor, *, vm: Vm, wish: CloneWish) -> Job:
    """Queue copying a machine that is off, its whole disk too, on the same host; the copy is off as well.

    It has an id, a MAC address, a host name and, on a network that gives addresses, an address of its own.
    The job is the copy's. Raises Invalid naming every broken limit, Conflict for a taken name, WrongState,
    Forbidden.
    """
    require_verb(actor, vm, "clone")
    project = project_named(actor, wish.project)
    require(actor, "vm.create", project)
    check_guest(wish)
    require_open(vm.network, project)
    lease_ends_at = first_end(actor, project, wish.lease_days)
    with transaction.atomic():
        take_lock()
        _require_no_other(vm)
        require_free_name(wish.name, project)
        made = _made(actor, vm, wish.name, project)
        begin_lease(made, lease_ends_at)
        Purse().take(payers_of(made), amounts_of(made, runs=False))
        save_new(made)
        made.pinned_to.set(vm.pinned_to.all())
        guest = {
            "ssh_keys": [key.strip() for key in wish.ssh_keys],
            "password_hash": hash_password(wish.password) if wish.password else "",
        }
        job = queue_vm_job(actor, "vm.clone", made, source=vm.pk, wished=Wished.OFF, **guest)
        record(actor, "vm.clone", of=vm, job=job, to=made.name)
        record(actor, "vm.create", of=made, job=job, clone_of=vm.name)
    return job


def _require_no_other(vm: Vm) -> None:
    """What changes the machine meanwhile would be torn in the copy. Raises Conflict naming the job."""
    if job := Job.objects.active().filter(vm=vm).first():
        raise in_the_way(vm.name, job)


def _made(actor: Actor, vm: Vm, name: str, project: Project) -> Vm:
    domain_name, fresh = f"{project.name}.{name}", uuid.uuid4()
    return Vm(
        name=name,
        domain_name=domain_name,
        file_stem=file_stem(domain_name, fresh),
        uuid=fresh,
        project=project,
        host=vm.host,
        template=vm.template,
        cpus=vm.cpus,
        memory_mib=vm.memory_mib,
        disk_mib=vm.disk_mib,
        network=vm.network,
        mac=free_mac(),
        firmware=vm.firmware,
        description=vm.description,
        tag_line=vm.tag_line,
        wished=Wished.OFF,
        has_agent=vm.has_agent,
        created_by_id=actor.user_id or None,
        owner_id=actor.user_id or None,
    )
