"""Scenarios of what a machine is: renamed, resized, copied, also in vain. Host and rows agree in the end."""

from io import BytesIO
from typing import Any

from tests.sweep.machines import ACCESS, POOL, OneMachine, jobs_but, running_but


class Edit(OneMachine):
    """One change of one machine; which process dies is tried out by machines made and deleted."""

    victims = ("engine",)
    most = 1

    def seed_but(self, vm: Any) -> list[str]:
        """Whether its guest would be told another name, or let others in."""
        from vrabec.lib.seed import build_seed, read_texts
        from vrabec.workflows.vms import read_seed, seed_of

        wanted = read_texts(build_seed(seed_of(vm, ACCESS)))
        return [] if read_seed(self.host, vm) == wanted else [f"wrong: a seed that is not {vm.name}'s"]


class Renames(Edit):
    """A machine that is off has another name: its domain, title and row agree, and it finds its disk."""

    seen = "OFF"
    name, state = "other", "done"

    def request(self, context: Any) -> None:
        """Ask for the other name."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vm_edit import rename_vm

        rename_vm(SYSTEM, vm=Vm.objects.select_related("host", "project").get(name="swept"), name="other")

    def ended_wrong(self) -> list[str]:
        """The job ended as it must, and both sides have one name."""
        from vrabec.hypervisor import domains
        from vrabec.models.vms import Vm

        vm = Vm.objects.get(host__isnull=False)
        found = domains.facts(self.host, str(vm.uuid))
        names = (vm.name, vm.domain_name, found and found.name, found and found.title)
        wanted = (self.name, f"main.{self.name}", f"main.{self.name}", self.name)
        wrong = [] if names == wanted else [f"wrong: {names}"]
        return jobs_but(self.state) + wrong + self.seed_but(vm)


class FailsToRename(Renames):
    """Somebody takes the name in the last moment: all is as before."""

    name, state = "swept", "failed"

    def request(self, context: Any) -> None:
        """Ask for the other name, and take it, on no host."""
        from vrabec.models.projects import Project
        from vrabec.models.vms import Vm

        super().request(context)
        Vm.objects.create(name="other", domain_name="main.other", project=Project.objects.get())

    def check(self, context: Any) -> list[str]:
        """Both sides agree once the name's new owner is out of the way."""
        from vrabec.models.vms import Vm

        Vm.objects.filter(host=None).delete()
        return super().check(context)


class Resizes(Edit):
    """A machine that runs is given more of everything: the disk at once, the rest at its next start."""

    has, asked = (1, 64, 16), (2, 80, 24)

    def request(self, context: Any) -> None:
        """Ask for more."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vm_edit import resize_vm
        from vrabec.services.wishes import VmSizes

        resize_vm(SYSTEM, vm=Vm.objects.select_related("host", "template").get(), sizes=VmSizes(*self.asked))

    def ended_wrong(self) -> list[str]:
        """The job is done, and all is as asked."""
        return jobs_but("done") + self.sizes_but(self.asked)

    def sizes_but(self, wanted: tuple[int, int, int]) -> list[str]:
        """Whether row or host say other next CPUs, next MiB of memory and MiB of disk, or others run now."""
        from vrabec.hypervisor import domains, lifecycle, storage
        from vrabec.models.vms import Vm
        from vrabec.workflows.vms import disk_name

        vm = Vm.objects.get()
        runs = domains.facts(self.host, str(vm.uuid))
        lifecycle.destroy(self.host, str(vm.uuid))  # libvirt tells the size of a disk in use from its start
        disk = storage.volume(self.host, POOL, disk_name(vm))
        assert runs, "the machine is there"
        assert disk, "its disk is there"
        row = (vm.cpus, vm.memory_mib, vm.next_cpus or vm.cpus, vm.next_memory_mib or vm.memory_mib)
        host = (runs.cpus, runs.memory_mib, runs.defined_cpus, runs.defined_memory_mib)
        said = {(*row, vm.disk_mib), (*host, disk.capacity_mib)}
        return [] if said == {(*self.has[:2], *wanted)} else [f"wrong: row and host say {said}"]


class CancelsResize(Resizes):
    """Somebody thinks better of it: it is as before where that came in time, and as asked where not."""

    def meanwhile(self, context: Any) -> None:
        """Cancel the job once it has begun."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.lib.errors import WrongState
        from vrabec.models.jobs import Job, JobState
        from vrabec.services.jobs import cancel_job

        for job in Job.objects.filter(state=JobState.RUNNING, begun__gte=1, cancel_asked=False):
            try:
                cancel_job(SYSTEM, job=job)
            except WrongState:
                return

    def ended_wrong(self) -> list[str]:
        """The job is over, and all is as its end says."""
        from vrabec.models.jobs import Job, JobState

        is_done = Job.objects.get().state == JobState.DONE
        return jobs_but("done", "cancelled") + self.sizes_but(self.asked if is_done else self.has)


class Clones(Edit):
    """A machine that is off is copied: both are there, off, each with a disk of its own."""

    seen = "OFF"

    def request(self, context: Any) -> None:
        """Ask for the copy."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services.vm_clone import CloneWish, clone_vm

        vm = Vm.objects.select_related("host", "project", "template").get()
        clone_vm(SYSTEM, vm=vm, wish=CloneWish("copy", "main"))

    def ended_wrong(self) -> list[str]:
        """The job is done; the copy's disk needs no other file."""
        from vrabec.hypervisor import storage
        from vrabec.models.vms import Seen, Vm
        from vrabec.workflows.vms import disk_name

        made = Vm.objects.get(name="copy")
        disk = storage.volume(self.host, POOL, disk_name(made))
        found = (made.seen, made.wished, disk and (disk.backing_path, disk.capacity_mib))
        wrong = [] if found == (Seen.OFF, "off", ("", 16)) else [f"wrong: {found}"]
        return jobs_but("done") + running_but(self.host, 0) + wrong + self.seed_but(made)


class FailsToClone(Clones):
    """The source's disk has gone: nothing of the copy stays."""

    def request(self, context: Any) -> None:
        """Ask for the copy of what has no disk any more."""
        from vrabec.hypervisor import storage

        super().request(context)
        storage.delete_volume(self.host, POOL, self.disk_of_source())

    def check(self, context: Any) -> list[str]:
        """Both sides agree once there is a disk again."""
        from vrabec.hypervisor import transfer

        transfer.upload(self.host, POOL, self.disk_of_source(), BytesIO(bytes(512)), 512)
        return super().check(context)

    def disk_of_source(self) -> str:
        """Its name in the pool."""
        from vrabec.models.vms import Vm
        from vrabec.workflows.vms import disk_name

        return disk_name(Vm.objects.get(name="swept"))

    def ended_wrong(self) -> list[str]:
        """The job failed, and nothing runs."""
        return jobs_but("failed") + running_but(self.host, 0)


EDITS = (Renames, FailsToRename, Resizes, CancelsResize, Clones, FailsToClone)
