"""How a machine is renamed and resized. May it be? services/vm_edit.py."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from django.db import IntegrityError
from django.db.models import F

from vrabec.hypervisor import domains, edits, storage, transfer
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import DomainFacts, DomainState
from vrabec.jobs.plans import Args, Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import Conflict, HostError
from vrabec.lib.seed import renamed, write_texts
from vrabec.models.changes import changed
from vrabec.models.hosts import POOL
from vrabec.models.vms import Vm
from vrabec.services.facts import sizes, write_vm
from vrabec.workflows.vms import disk_name, host_of, read_seed, seed_name, vm_of


def register_vm_edits() -> None:
    """Tell the engine the kinds of jobs that change what a machine is."""
    register("vm.rename", Plan("Rename", fixed(*RENAME)), RENAME)
    register("vm.resize", Plan("Resize", _resize_steps, no_return="vm.grow_disk"), RESIZE)


def _before(run: Run, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was before this job changed it: looked up once, kept for the undo. A retry is another job."""
    kept: dict[str, Any] = run.args.get("before", {})
    if kept.get("job") != run.job.pk:
        kept = {"job": run.job.pk, **look()}
        run.remember(before=kept)
    return kept


# --- rename: the host first, the row last, since only it can say that the name was taken meanwhile


def _rename_domain(run: Run) -> None:
    _names_before(run)
    _give_domain_name(run, run.args["domain_name"])


def _rename_domain_back(run: Run) -> None:
    _give_domain_name(run, _names_before(run)["domain_name"])


def _names_before(run: Run) -> dict[str, Any]:
    vm = vm_of(run)
    return _before(run, lambda: {"name": vm.name, "domain_name": vm.domain_name})


def _give_domain_name(run: Run, name: str) -> None:
    vm = vm_of(run)
    edits.rename(host_of(run, vm), str(vm.uuid), name)
    write_vm(vm.pk, domain_name=name)


def _retitle(run: Run) -> None:
    _give_title(run, _names_before(run)["name"], run.args["name"])


def _retitle_back(run: Run) -> None:
    _give_title(run, run.args["name"], _names_before(run)["name"])


def _give_title(run: Run, old: str, new: str) -> None:
    vm = vm_of(run)
    edits.redefine(host_of(run, vm), str(vm.uuid), edits.retitle(old, new))


def _tell_name(run: Run) -> None:
    """Write the seed anew. What it said is kept in the job until then: an upload may be cut short."""
    name, before = _names_before(run)["name"], run.args.get("seed") or _seed(run)
    fresh = renamed(before, name, run.args["name"])
    if fresh != before:  # else it is not ours, or somebody named the guest otherwise
        run.remember(seed=before)
        _write_seed(run, fresh)


def _tell_name_back(run: Run) -> None:
    if before := run.args.get("seed"):
        _write_seed(run, before)
        run.forget("seed")


def _seed(run: Run) -> dict[str, str]:
    vm = vm_of(run)
    return read_seed(host_of(run, vm), vm)


def _write_seed(run: Run, texts: dict[str, str]) -> None:
    vm, image = vm_of(run), write_texts(texts)
    transfer.upload(host_of(run, vm), POOL, seed_name(vm), BytesIO(image), len(image))


def _rename_row(run: Run) -> None:
    name = run.args["name"]
    try:
        Vm.objects.filter(pk=run.job.vm_id or 0).exclude(name=name).update(
            name=name, version=F("version") + 1
        )
    except IntegrityError as error:
        raise Conflict("The name %(name)s was taken meanwhile.", name=name) from error
    changed("vm", run.job.vm_id or 0)
    run.forget("seed")


# --- resize: the definition first; a disk never shrinks, so there is no way back from its growth


def _resize_steps(args: Args) -> tuple[str, ...]:
    sizes = ("vm.define_sizes",) if args.get("cpus") or args.get("memory_mib") else ()
    return sizes + (("vm.grow_disk",) if args.get("disk_mib") else ())


def _define_sizes(run: Run) -> None:
    vm = vm_of(run)
    host, uuid = host_of(run, vm), str(vm.uuid)
    _before(run, lambda: {"sizes": edits.sizes(host, uuid)})
    edits.redefine(host, uuid, edits.resize(cpus=run.args.get("cpus"), memory_mib=run.args.get("memory_mib")))
    _write_sizes(host, vm)


def _define_sizes_back(run: Run) -> None:
    vm, before = vm_of(run), run.args.get("before", {})
    if before.get("job") == run.job.pk:  # else it failed before it changed anything
        host = host_of(run, vm)
        edits.redefine(host, str(vm.uuid), edits.restore(before["sizes"]))
        _write_sizes(host, vm)


def _write_sizes(host: HostConnection, vm: Vm) -> None:
    if found := domains.facts(host, str(vm.uuid)):
        runs, defined = (found.cpus, found.memory_mib), (found.defined_cpus, found.defined_memory_mib)
        write_vm(vm.pk, **sizes(runs, defined))


def _grow_disk(run: Run) -> None:
    """Off or running is asked of the host: the row may be older, and a retry finds what is then."""
    vm, capacity_mib = vm_of(run), run.args["disk_mib"]
    host, name = host_of(run, vm), disk_name(vm)
    found = domains.facts(host, str(vm.uuid))
    if found and found.state in (DomainState.RUNNING, DomainState.PAUSED):
        edits.grow_running_disk(host, str(vm.uuid), _path_of(found, name), capacity_mib)
    else:
        storage.grow(host, POOL, name, capacity_mib)
    write_vm(vm.pk, disk_mib=max(vm.disk_mib, capacity_mib))


def _path_of(found: DomainFacts, name: str) -> str:
    for disk in found.disks:
        if Path(disk.path).name == name:
            return disk.path
    raise HostError("%(name)s no longer uses its disk %(disk)s.", name=found.name, disk=name)


RESIZE = {
    "vm.define_sizes": Step("Define CPUs and memory", _define_sizes, _define_sizes_back),
    "vm.grow_disk": Step("Grow the disk", _grow_disk),
}
RENAME = {
    "vm.rename_domain": Step("Rename it on its host", _rename_domain, _rename_domain_back),
    "vm.retitle": Step("Write its title", _retitle, _retitle_back),
    "vm.tell_name": Step("Tell its guest", _tell_name, _tell_name_back),
    "vm.rename_row": Step("Remember the name", _rename_row),
}
