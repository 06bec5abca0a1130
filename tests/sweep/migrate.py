"""Scenarios of a machine that moves between hosts: it runs once and is defined once, whatever is killed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from tests.sweep.machines import POOL, OneMachine, disagreements, empty, jobs_but


@dataclass
class Moves(OneMachine):
    """From one host to the other, which have the folder of its disk in common."""

    other: str = ""
    shared: str = ""
    victims = ("engine",)
    only = r"^(undo )?vm\.migrate.*(mark|undefine|resume|UPDATE vrabec_vm)|migrate\.migrate"
    """A case takes five seconds. With `migrate` and `lifecycle` whole it is 52 points."""
    most = 1

    def register(self) -> None:
        """The lab's folder is one that libvirt does not know to be shared."""
        super().register()
        self._settle()

    def prepare(self) -> Any:
        """Both hosts empty, and the machine on the first."""
        from vrabec.hypervisor import connection

        self._settle()
        Path(self.shared).mkdir(exist_ok=True)
        self.there = getattr(self, "there", None) or connection.open_host(self.other)
        empty(self.there)
        return super().prepare()

    def _settle(self) -> None:
        import libvirt
        from django.conf import settings

        from vrabec.hypervisor import migrate
        from vrabec.workflows import vm_ends

        settings.VRABEC_IMAGES_DIR = self.shared
        migrate.LAB_FLAGS = libvirt.VIR_MIGRATE_UNSAFE
        vm_ends.SETTLE_SECONDS = 10.0

    def rows(self) -> None:
        """The second host, too."""
        from vrabec.models.hosts import Host, HostState

        super().rows()
        Host.objects.create(name="other", uri=self.other, state=HostState.ONLINE, arch="x86_64")
        Host.objects.update(cpus=2, memory_mib=2**20, networks=["default"])

    def request(self, context: Any) -> None:
        """Ask for the move."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vm_migrate import migrate_vm

        migrate_vm(SYSTEM, vm=Vm.objects.select_related("host").get(), to="other")

    def check(self, context: Any) -> list[str]:
        """It runs where its row says, and the other host has nothing of it."""
        from vrabec.models.vms import Vm, Wished

        vm = Vm.objects.select_related("host").get()
        at = vm.host.name if vm.host else ""
        host, empty_one = (self.there, self.host) if at == "other" else (self.host, self.there)
        wrong = [] if vm.wished == Wished.ON else ["wrong: the wish is another"]
        return wrong + self.ended_wrong() + self.only_on(host, empty_one) + disagreements(host)

    def only_on(self, host: Any, other: Any) -> list[str]:
        """What is wrong with where it runs and where it is known."""
        from vrabec.hypervisor import domains

        here, there = ([f.state.value for f in domains.all_facts(one)] for one in (host, other))
        kind = "doubled" if there and here else "wrong"
        return [] if (here, there) == (["running"], []) else [f"{kind}: {here} where it should be, {there}"]

    def ended_wrong(self) -> list[str]:
        """The job is done, and it is there."""
        from vrabec.models.vms import Vm

        moved = Vm.objects.filter(host__name="other").exists()
        return jobs_but("done") + ([] if moved else ["wrong: it has not moved"])

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "other": self.other, "shared": self.shared}


class IsCancelled(Moves):
    """Somebody cancels while it moves: it stays, or was faster."""

    only = r"vm\.migrate_(check|disks|move).*before mark|undo vm\.migrate_move: .*(mark|abort|destroy)"

    def meanwhile(self, context: Any) -> None:
        """Cancel as soon as it moves."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.lib.errors import WrongState
        from vrabec.models.jobs import Job
        from vrabec.services.jobs import can_cancel, cancel_job

        job = Job.objects.get()
        if job.begun == 3 and can_cancel(job):
            try:
                cancel_job(SYSTEM, job=job)
            except WrongState:
                return

    def ended_wrong(self) -> list[str]:
        """One or the other; where it is, both sides know."""
        return jobs_but("done", "cancelled")


class IsKilledInside(Moves):
    """Again and again while its memory is copied and it switches over."""

    only = r"before (mark|migrate\.progress)"
    most = None

    def register(self) -> None:
        """With looks so often that one falls into the switch-over now and then; 0.04 tries it well."""
        from vrabec.workflows import vm_ends

        super().register()
        vm_ends.LOOK_SECONDS = 0.2


class SwitchesEarly(Moves):
    """Its guest writes faster than the line carries: however it is killed, no half of it stays anywhere.

    A controller that dies before libvirt has finished the switch takes the target's half along: the machine
    begins anew where it was.
    """

    only = r"before mark|vm\.migrate_move: (after write no_return|after migrate\.switch_over)"

    def prepare(self) -> Any:
        """In the first pass, which takes a second."""
        from vrabec.workflows import vm_call, vm_ends

        vm_call.PASSES = 0
        vm_ends.LOOK_SECONDS = 0.2
        return super().prepare()

    def rows(self) -> None:
        """A disk that it boots from."""
        from tests.lab.guests import writing
        from vrabec.models.vms import Vm

        super().rows()
        vm = Vm.objects.get()
        with self.host.calling() as raw:
            domain = raw.lookupByUUIDString(str(vm.uuid))
            domain.destroy()
            boot_from(self.disk_path(vm), writing())
            domain.create()
            domain.migrateSetMaxSpeed(20)

    def request(self, context: Any) -> None:
        """Ask for the move."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vm_migrate import migrate_vm

        migrate_vm(SYSTEM, vm=Vm.objects.select_related("host").get(), to="other", if_too_fast="switch")

    def ended_wrong(self) -> list[str]:
        """It is there, or was lost and runs anew where it was."""
        from vrabec.models.vms import Vm

        at = Vm.objects.get(host__isnull=False).host
        return jobs_but("done" if at and at.name == "other" else "failed")


def boot_from(path: str, sector: bytes) -> None:
    """Write the first sector of a qcow2 file."""
    with NamedTemporaryFile() as file:
        file.write(sector)
        file.flush()
        command = f"write -s {file.name} 0 {len(sector)}"
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, path], check=True, capture_output=True)


class Empties(Moves):
    """Its host is emptied for maintenance: the job goes on, and moves it once."""

    only = r": before mark|^host\.empty_move: (after mark|.*INSERT INTO vrabec_job)"

    def request(self, context: Any) -> None:
        """Ask for maintenance."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.hosts import Host
        from vrabec.services.maintenance import maintain_host

        maintain_host(SYSTEM, host=Host.objects.select_related("cluster").get(name="lab"))

    def ended_wrong(self) -> list[str]:
        """One move did it."""
        from vrabec.models.jobs import Job

        moves = Job.objects.filter(kind="vm.migrate").count()
        return super().ended_wrong() + ([] if moves == 1 else [f"wrong: {moves} moves"])


class Fills(Moves):
    """The other host comes back from its maintenance, which had moved the machine here: it returns once."""

    only = r": before mark|^host\.fill_move: (after mark|.*UPDATE vrabec_job)"

    def rows(self) -> None:
        """The maintenance, and what it did."""
        from vrabec.lib.clock import now
        from vrabec.models.hosts import Host
        from vrabec.models.jobs import Job, JobState
        from vrabec.models.vms import Vm

        super().rows()
        Host.objects.filter(name="other").update(maintenance_since=now())
        vm, emptied = Vm.objects.get(), Host.objects.get(name="other")
        done = Job.objects.create(kind="host.maintain", host=emptied, state=JobState.DONE)
        ways = {"source": emptied.pk, "target": vm.host_id}
        Job.objects.create(kind="vm.migrate", vm=vm, parent=done, state=JobState.DONE, args=ways)

    def request(self, context: Any) -> None:
        """Ask for its end."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.hosts import Host
        from vrabec.services.maintenance import resume_host

        resume_host(SYSTEM, host=Host.objects.get(name="other"))

    def ended_wrong(self) -> list[str]:
        """One move did it, and the host takes machines."""
        from vrabec.models.hosts import Host
        from vrabec.models.jobs import Job

        moves = Job.objects.filter(kind="vm.migrate", parent__kind="host.resume").count()
        kept = Host.objects.exclude(maintenance_since=None).count()
        said = (moves, kept)
        return super().ended_wrong() + ([] if said == (1, 0) else [f"wrong: {moves} moves, {kept} kept"])


class TakesItsDisk(Moves):
    """The hosts have pools of their own: one copy of the disk stays, where the machine is."""

    only = r"before mark|vm\.migrate_(disks|move|leave): .*(apart|make_empty|resume|migrate\.migrate|delete)"

    def prepare(self) -> Any:
        """No folder in common."""
        from vrabec.hypervisor import connection

        self._settle()
        self.there = getattr(self, "there", None) or connection.open_host(self.other)
        empty(self.there)
        return OneMachine.prepare(self)

    def check(self, context: Any) -> list[str]:
        """As ever, and the other host has no volume but templates."""
        from vrabec.hypervisor import storage
        from vrabec.models.vms import Vm

        empty_one = self.host if Vm.objects.filter(host__name="other").exists() else self.there
        names = [name for name in storage.volume_names(empty_one, POOL) if not name.startswith("template-")]
        return [*super().check(context), *(f"left over: volume {name}" for name in names)]


MOVES = (Moves, IsCancelled, IsKilledInside, TakesItsDisk, SwitchesEarly, Empties, Fills)
