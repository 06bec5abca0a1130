"""Scenarios with real machines on a real QEMU host: made, deleted, failing and cancelled."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.sweep.scenario import Scenario

POOL = "vrabec"
ACCESS: dict[str, object] = {
    "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMadeByHandForTheTests0000000000000000000000 ada"],
    "password_hash": "$6$salt$hash",
}
"""Who may enter the machines that are made by hand."""


@dataclass
class Machines(Scenario):
    """What the scenarios share: a host in the lab, an empty template, and the look at both sides."""

    uri: str
    template: str
    """A qcow2 file; it need not boot."""

    def prepare(self) -> Any:
        """Empty the host and make the rows."""
        from vrabec.hypervisor import connection

        self.host = getattr(self, "host", None) or connection.open_host(self.uri)
        empty(self.host)
        return self.rows()

    def rows(self) -> Any:
        """The host, the template, an owner's project; nothing on the host yet."""
        from vrabec.models.hosts import Host, HostState
        from vrabec.models.projects import Project
        from vrabec.models.templates import Template, TemplateState

        data = Path(self.template).read_bytes()
        host = Host.objects.create(
            name="lab", uri=self.uri, state=HostState.ONLINE, arch="x86_64", cpus=2, memory_mib=2**20
        )
        Host.objects.filter(pk=host.pk).update(
            domain_type="qemu", networks=["default"], pool_free_mib=1000, pool_total_mib=1000
        )
        Template.objects.create(
            name="tiny",
            title="Tiny",
            builder="tiny",
            state=TemplateState.READY,
            path=self.template,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            disk_mib=8,
            memory_mib=64,
        )
        Project.objects.create(name="main")

    def request(self, context: Any) -> None:
        """Ask for one machine."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.services.vms import create_vm
        from vrabec.services.wishes import VmWish

        wish = VmWish("swept", "main", "tiny", cpus=1, memory_mib=64, disk_mib=16, network="default")
        create_vm(SYSTEM, wish=wish)

    def check(self, context: Any) -> list[str]:
        """Both sides agree, and the job ended as this scenario must."""
        return [*self.ended_wrong(), *disagreements(self.host)]

    def ended_wrong(self) -> list[str]:
        """Jobs that did not end as they must."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        return {"uri": self.uri, "template": self.template}


class Creates(Machines):
    """A machine is made: however often something dies, it is there once and runs."""

    def ended_wrong(self) -> list[str]:
        """The job is done, and the machine runs."""
        return jobs_but("done") + running_but(self.host, 1)


class FailsToCreate(Machines):
    """The network does not exist on the host: the last step fails, and all is undone."""

    def rows(self) -> None:
        """A host whose row names a network that it has not."""
        from vrabec.models.hosts import Host

        super().rows()
        Host.objects.update(networks=["default", "nowhere"])

    def request(self, context: Any) -> None:
        """Ask for a machine on that network."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.services.vms import create_vm
        from vrabec.services.wishes import VmWish

        create_vm(SYSTEM, wish=VmWish("swept", "main", "tiny", 1, 64, 16, network="nowhere"))

    def ended_wrong(self) -> list[str]:
        """The job failed, and nothing runs."""
        return jobs_but("failed") + running_but(self.host, 0)


class OneMachine(Machines):
    """A machine runs on the host, as `vm.create` leaves it."""

    seen = "RUNNING"

    def rows(self) -> None:
        """A machine as `vm.create` leaves it, or switched off."""
        from vrabec.hypervisor import lifecycle
        from vrabec.models.hosts import Host
        from vrabec.models.projects import Project
        from vrabec.models.templates import Template
        from vrabec.models.vms import Seen, Vm, Wished

        super().rows()
        vm = Vm.objects.create(
            name="swept",
            domain_name="main.swept",
            file_stem="main.swept-00000001",
            project=Project.objects.get(),
            host=Host.objects.get(),
            template=Template.objects.get(),
            cpus=1,
            memory_mib=64,
            disk_mib=16,
            network="default",
            mac="52:54:00:00:00:01",
            wished=Wished.ON,
            seen=Seen[self.seen],
        )
        make(self.host, vm, self.template)
        if self.seen == "OFF":
            lifecycle.destroy(self.host, str(vm.uuid))

    def disk_path(self, vm: Any) -> str:
        """Where its disk lies on the host."""
        from django.conf import settings

        from vrabec.workflows.vms import disk_name

        return f"{settings.VRABEC_IMAGES_DIR}/{disk_name(vm)}"


class Deletes(OneMachine):
    """A running machine is deleted: however often something dies, nothing of it stays."""

    def request(self, context: Any) -> None:
        """Ask for its end."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vms import delete_vm

        delete_vm(SYSTEM, vm=Vm.objects.select_related("host").get())

    def ended_wrong(self) -> list[str]:
        """The job is done, and nothing runs."""
        return jobs_but("done") + running_but(self.host, 0)


def make_template(path: Path) -> str:
    """An empty qcow2 image, which is a template to everything but its own guest."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "8M"], check=True)
    return str(path)


def make(host: Any, vm: Any, template: str) -> None:
    """Put `vm` on the host by hand, as its workflow does."""
    from io import BytesIO

    from vrabec.hypervisor import lifecycle, storage, transfer, xml
    from vrabec.lib.seed import build_seed
    from vrabec.workflows.vms import disk_name, seed_name, seed_of, spec_of

    data = Path(template).read_bytes()
    base = transfer.upload(host, POOL, "template-by-hand.qcow2", BytesIO(data), len(data))
    storage.clone(host, POOL, disk_name(vm), base.path, vm.disk_mib)
    seed = build_seed(seed_of(vm, ACCESS))
    transfer.upload(host, POOL, seed_name(vm), BytesIO(seed), len(seed))
    lifecycle.define(host, xml.domain_xml(spec_of(vm)))
    lifecycle.start(host, str(vm.uuid))


def empty(host: Any) -> None:
    """No machine, and an empty pool."""
    from django.conf import settings

    from vrabec.hypervisor import domains, lifecycle, storage

    for found in list(domains.all_facts(host)):
        lifecycle.destroy(host, found.uuid)
        lifecycle.undefine(host, found.uuid)
    storage.ensure_pool(host, POOL, settings.VRABEC_IMAGES_DIR)
    # Clones before what they are built on.
    for name in sorted(storage.volume_names(host, POOL), key=lambda name: name.startswith("template-")):
        storage.delete_volume(host, POOL, name)


def jobs_but(*states: str) -> list[str]:
    """Jobs that are in none of these states."""
    from vrabec.models.jobs import Job

    wrong = Job.objects.exclude(state__in=states)
    return [f"job {job.pk} ended as {job.state}: {job.error_message} {job.error_raw}" for job in wrong]


def running_but(host: Any, count: int) -> list[str]:
    """Whether another number of machines runs than `count`."""
    from vrabec.hypervisor import domains

    running = [found.name for found in domains.all_facts(host) if found.state == "running"]
    kind = "doubled" if len(running) > count else "wrong"
    return [] if len(running) == count else [f"{kind}: {running} run"]


def disagreements(host: Any) -> list[str]:
    """What the host has and the rows do not know, or the other way round."""
    from vrabec.hypervisor import domains, storage
    from vrabec.models.jobs import Job
    from vrabec.models.vms import Vm
    from vrabec.workflows.vms import disk_name, seed_name

    rows = list(Vm.objects.present())
    defined = {found.uuid for found in domains.all_facts(host)}
    volumes = {name for name in storage.volume_names(host, POOL) if not name.startswith("template-")}
    known = {name for vm in rows for name in (disk_name(vm), seed_name(vm))}
    wrong = [f"left over: volume {name}" for name in volumes - known]
    wrong += [f"lost: volume {name}" for name in known - volumes]
    wrong += [f"left over: domain {uuid}" for uuid in defined - {str(vm.uuid) for vm in rows}]
    wrong += [f"left over: row {vm.name} has no domain" for vm in rows if str(vm.uuid) not in defined]
    return wrong + [f"left over: job {job.pk} is active" for job in Job.objects.active()]
