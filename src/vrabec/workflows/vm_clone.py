"""How a machine that is off is copied. May it be? services/vm_clone.py."""

from __future__ import annotations

from vrabec.hypervisor import domains, storage
from vrabec.hypervisor.spec import DomainState
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import HostError, WrongState
from vrabec.lib.seed import keys_of, password_of
from vrabec.models.hosts import POOL
from vrabec.models.vms import Seen, Vm
from vrabec.services.facts import write_vm
from vrabec.workflows.vms import CREATE, SECRETS, disk_name, host_of, read_seed, vm_of


def register_vm_clone() -> None:
    """Tell the engine how machines are copied."""
    register("vm.clone", Plan("Copy", fixed(*CLONE), per_host=2), CLONE)


def _copy_disk(run: Run) -> None:
    """QEMU locks images: who starts the source meanwhile is refused by it, as is a copy while it runs."""
    vm = vm_of(run)
    source = Vm.objects.get(pk=run.args["source"])
    host = host_of(run, vm)
    found = domains.facts(host, str(source.uuid))
    if found and found.state != DomainState.OFF:
        raise WrongState("%(name)s runs: it must stay off while it is copied.", name=source.name)
    disk = storage.volume(host, POOL, disk_name(source))
    if disk is None:
        raise HostError("%(name)s has no disk %(disk)s any more.", name=source.name, disk=disk_name(source))
    storage.copy(host, POOL, disk_name(vm), disk.path, disk.capacity_mib)


def _keep_access(run: Run) -> None:
    """Who could enter the source enters the copy, too: a new instance would lock its password, for one."""
    vm = vm_of(run)
    texts = read_seed(host_of(run, vm), Vm.objects.get(pk=run.args["source"]))
    keys = dict.fromkeys((*keys_of(texts), *run.args.get("ssh_keys", ())))
    run.remember(ssh_keys=list(keys), password_hash=run.args.get("password_hash") or password_of(texts))


def _settle(run: Run) -> None:
    write_vm(vm_of(run).pk, Seen.OFF)
    run.forget(*SECRETS)


CLONE = {
    "vm.reserve": CREATE["vm.reserve"],
    "vm.copy_disk": Step("Copy the disk", _copy_disk, CREATE["vm.create_disk"].undo),
    "vm.keep_access": Step("Keep keys and password", _keep_access),
    "vm.create_seed": CREATE["vm.create_seed"],
    "vm.define": CREATE["vm.define"],
    "vm.settle": Step("Show it", _settle),
}
