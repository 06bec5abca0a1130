"""How machines are made and deleted. How they run and stop: vm_power.py. May they? services/vms.py."""

from __future__ import annotations

from io import BytesIO

from django.conf import settings
from django.db import IntegrityError

from vrabec.hypervisor import domains, lifecycle, storage, transfer, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import VmSpec
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Unavailable
from vrabec.lib.seed import Seed, build_seed, read_texts
from vrabec.models.changes import changed
from vrabec.models.hosts import POOL
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.baselines import cpu_for
from vrabec.services.facts import write_vm
from vrabec.services.wishes import FULL
from vrabec.workflows.hosts import connect
from vrabec.workflows.templates import template_on_host

SEED_BYTES = 2**20
"""More than any seed of ours has."""
SECRETS = ("password_hash", "ssh_keys", "run", "user_data")


def register_vms() -> None:
    """Tell the engine the kinds of jobs on machines."""
    register("vm.create", Plan("Create", fixed(*CREATE), per_host=8), CREATE)
    register("vm.delete", Plan("Delete", fixed(*DELETE), no_return="vm.delete_disk"), DELETE)


def vm_of(run: Run) -> Vm:
    """The job's machine, also when it is a tombstone."""
    return Vm.objects.select_related("host", "project", "template").get(pk=run.job.vm_id or 0)


def host_of(run: Run, vm: Vm) -> HostConnection:
    """The run's own connection to the machine's host."""
    if vm.host is None:
        raise Unavailable("%(name)s has no host.", name=vm.name)
    return connect(run, vm.host)


def disk_name(vm: Vm) -> str:
    """The name of the machine's disk in our pool."""
    return f"{vm.file_stem}.qcow2"


def seed_name(vm: Vm) -> str:
    """The name of the machine's seed in our pool."""
    return f"{vm.file_stem}-seed.iso"


# --- create


def _reserve(run: Run) -> None:
    """The service reserved already; a retry takes the reservation back, if nobody has its name now."""
    vm = vm_of(run)
    if vm.deleted_at is None:
        return
    wished = run.args.get("wished", Wished.ON)
    try:
        Vm.objects.filter(pk=vm.pk).update(deleted_at=None, wished=wished, seen=Seen.PENDING)
    except IntegrityError as error:
        raise Conflict("The name %(name)s was taken meanwhile.", name=vm.name) from error
    changed("vm", vm.pk)


def _unreserve(run: Run) -> None:
    Vm.objects.filter(pk=run.job.vm_id or 0).update(deleted_at=now(), wished=Wished.NONE)
    changed("vm", run.job.vm_id or 0)


def _fetch_template(run: Run) -> None:
    vm = vm_of(run)
    storage.ensure_pool(host_of(run, vm), POOL, settings.VRABEC_IMAGES_DIR)
    template_on_host(run, host_of(run, vm), vm, vm.host_id or 0)


def _create_disk(run: Run) -> None:
    vm = vm_of(run)
    host = host_of(run, vm)
    base = template_on_host(run, host, vm, vm.host_id or 0)
    make = storage.copy if run.args.get("clone") == FULL else storage.clone
    make(host, POOL, disk_name(vm), base, vm.disk_mib)


def _delete_disk(run: Run) -> None:
    vm = vm_of(run)
    storage.delete_volume(host_of(run, vm), POOL, disk_name(vm))


def _create_seed(run: Run) -> None:
    vm = vm_of(run)
    image = build_seed(seed_of(vm, run.args))
    transfer.upload(host_of(run, vm), POOL, seed_name(vm), BytesIO(image), len(image))


def _delete_seed(run: Run) -> None:
    vm = vm_of(run)
    storage.delete_volume(host_of(run, vm), POOL, seed_name(vm))


def _define(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.define(host_of(run, vm), xml.domain_xml(spec_of(vm)))


def _undefine(run: Run) -> None:
    vm = vm_of(run)
    lifecycle.undefine(host_of(run, vm), str(vm.uuid))


def _start_new(run: Run) -> None:
    start(run)
    run.forget(*SECRETS)


def seed_of(vm: Vm, args: dict[str, object]) -> Seed:
    """What the guest is told, from the row and the job's arguments."""
    keys: list[str] = args.get("ssh_keys", [])  # type: ignore[assignment]
    commands: list[str] = args.get("run", [])  # type: ignore[assignment]
    return Seed(
        hostname=vm.name,
        instance_id=str(vm.uuid),
        ssh_keys=tuple(keys),
        password_hash=str(args.get("password_hash") or "") or None,
        address=str(args.get("address") or "") or None,
        gateway=str(args.get("gateway") or "") or None,
        mac=vm.mac,
        run=tuple(commands),
        user_data=str(args.get("user_data") or ""),
    )


def read_seed(host: HostConnection, vm: Vm) -> dict[str, str]:
    """What the guest was told, by file; empty where the seed is gone or is not one."""
    image = transfer.download(host, POOL, seed_name(vm), SEED_BYTES)
    return read_texts(image) if image else {}


def spec_of(vm: Vm) -> VmSpec:
    """The row as the hypervisor package wants it."""
    host = vm.host
    return VmSpec(
        vm_id=vm.pk,
        uuid=str(vm.uuid),
        name=vm.domain_name,
        title=vm.name,
        cpus=vm.cpus,
        memory_mib=vm.memory_mib,
        domain_type=(host.domain_type if host else "") or "qemu",
        arch=(host.arch if host else "") or "x86_64",
        disk_path=f"{settings.VRABEC_IMAGES_DIR}/{disk_name(vm)}",
        seed_path=f"{settings.VRABEC_IMAGES_DIR}/{seed_name(vm)}",
        network=vm.network,
        mac=vm.mac,
        has_agent=vm.has_agent,
        project=vm.project.name if vm.project else "",
        firmware=vm.firmware,
        cpu=cpu_for(host) if host else "",
    )


# --- start and stop: the steps that making and deleting need, too. The rest: vm_power.py


def start(run: Run) -> None:
    """Start the machine."""
    vm = vm_of(run)
    lifecycle.start(host_of(run, vm), str(vm.uuid))
    write_vm(vm.pk, Seen.RUNNING)


def stop(run: Run) -> None:
    """Switch the machine off at once."""
    vm = vm_of(run)
    lifecycle.destroy(host_of(run, vm), str(vm.uuid))
    if vm.seen not in (Seen.PENDING, Seen.HIBERNATED):
        write_vm(vm.pk, Seen.OFF)


# --- delete


def _start_again(run: Run) -> None:
    """Undo the stop of a delete that did not happen."""
    vm = vm_of(run)
    Vm.objects.filter(pk=vm.pk).update(wished=run.args.get("was_wished", Wished.OFF))
    if run.args.get("was_running") and domains.facts(host_of(run, vm), str(vm.uuid)):
        start(run)


def _forget(run: Run) -> None:
    _unreserve(run)


CREATE = {
    "vm.reserve": Step("Reserve", _reserve, _unreserve),
    "vm.fetch_template": Step("Put the template on the host", _fetch_template),
    "vm.create_disk": Step("Create the disk", _create_disk, _delete_disk),
    "vm.create_seed": Step("Create the seed", _create_seed, _delete_seed),
    "vm.define": Step("Define the machine", _define, _undefine),
    "vm.start_new": Step("Start it", _start_new, stop),
}
DELETE = {
    "vm.stop": Step("Power off", stop, _start_again),
    "vm.delete_disk": Step("Delete the disk", _delete_disk),
    "vm.delete_seed": Step("Delete the seed", _delete_seed),
    "vm.undefine": Step("Undefine the machine", _undefine),
    "vm.forget": Step("Forget it", _forget),
}
