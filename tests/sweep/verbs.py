"""Scenarios of the verbs that change a running state, on a machine whose guest listens to nobody."""

from typing import Any, ClassVar

from tests.sweep.machines import OneMachine, jobs_but


class Verb(OneMachine):
    """One verb on one machine: what it begins as, and what host, row and wish must be in the end."""

    victims = ("engine",)
    """Which process dies, and what lies around the steps, is tried out by machines made and deleted."""
    only = r"^(undo )?vm\..*(mark|lifecycle)"
    most = 1
    verb = ""
    arguments: ClassVar[dict[str, Any]] = {}
    before = "running"
    after = "running"
    wished = "on"
    ends: tuple[str, ...] = ("done",)

    def rows(self) -> None:
        """The machine in the state it begins with."""
        from vrabec.models.vms import Seen, Vm

        super().rows()
        bring(self.host, str(Vm.objects.get().uuid), self.before)
        Vm.objects.update(seen=Seen[self.before.upper()])

    def request(self, context: Any) -> None:
        """Ask for the verb."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.vms import Vm
        from vrabec.services import vms

        service = getattr(vms, f"{self.verb}_vm")
        service(SYSTEM, vm=Vm.objects.select_related("host").get(), **self.arguments)

    def ended_wrong(self) -> list[str]:
        """The job ended as it must, and host, row and wish say the same."""
        from vrabec.hypervisor import domains
        from vrabec.models.vms import Seen, Vm

        vm = Vm.objects.get()
        found = domains.facts(self.host, str(vm.uuid))
        said = (found.state if found else "", Seen(vm.seen).name.lower(), vm.wished)
        wanted = (self.after, self.after, self.wished)
        return jobs_but(*self.ends) + ([] if said == wanted else [f"left over: {said} instead of {wanted}"])


class Starts(Verb):
    """From off."""

    verb, before = "start", "off"


class Wakes(Verb):
    """From its saved memory."""

    verb, before = "start", "hibernated"


class ShutsDownThenPowersOff(Verb):
    """The guest does not listen, so its plug is pulled."""

    verb, after, wished = "shutdown", "off", "off"
    arguments: ClassVar[dict[str, Any]] = {"deadline_seconds": 1, "then_power_off": True}


class PowersOff(Verb):
    """From running."""

    verb, after, wished = "power_off", "off", "off"


class DropsSavedMemory(Verb):
    """A hibernated machine is powered off."""

    verb, before, after, wished = "power_off", "hibernated", "off", "off"


class FailsToReboot(Verb):
    """The guest does not listen."""

    verb, ends = "reboot", ("failed",)

    def register(self) -> None:
        """With little patience."""
        from vrabec.workflows import vm_power

        vm_power.REBOOT_PATIENCE_SECONDS = 0.5
        super().register()


class Resets(Verb):
    """The hard way."""

    verb = "reset"


class Pauses(Verb):
    """From running."""

    verb, after = "pause", "paused"


class Resumes(Verb):
    """From paused."""

    verb, before = "resume", "paused"


class Hibernates(Verb):
    """Its memory is saved."""

    verb, after, wished = "hibernate", "hibernated", "off"


class SendsKeys(Verb):
    """Keys are pressed at most once: after a crash it says so."""

    verb, ends = "send_keys", ("done", "failed")


class ForbidsAutostart(Verb):
    """libvirt would start it with its host."""

    def rows(self) -> None:
        """A machine that somebody marked on its host."""
        from vrabec.hypervisor import lifecycle
        from vrabec.models.vms import Vm

        super().rows()
        lifecycle.set_autostart(self.host, str(Vm.objects.get().uuid), on=True)
        Vm.objects.update(autostart=True)

    def request(self, context: Any) -> None:
        """As inventory does when it sees the mark."""
        from vrabec.models.vms import Vm
        from vrabec.services.vms import forbid_autostart

        forbid_autostart(Vm.objects.get().pk)

    def ended_wrong(self) -> list[str]:
        """The mark is gone, on both sides."""
        from vrabec.hypervisor import domains
        from vrabec.models.vms import Vm

        vm = Vm.objects.get()
        found = domains.facts(self.host, str(vm.uuid))
        marked = vm.autostart or found is None or found.autostart
        return super().ended_wrong() + (["left over: libvirt's autostart"] if marked else [])


class StartsAfterMaintenance(Starts):
    """It went down with its host, whose maintenance is over: it is started once."""

    verb = ""
    only = r"^host\.fill_.*mark|^host\.fill_start: .*UPDATE vrabec_job|^vm\..*mark"

    def rows(self) -> None:
        """A host in maintenance."""
        from vrabec.lib.clock import now
        from vrabec.models.hosts import Host

        super().rows()
        Host.objects.update(maintenance_since=now())

    def request(self, context: Any) -> None:
        """Ask for its end."""
        from vrabec.lib.actor import SYSTEM
        from vrabec.models.hosts import Host
        from vrabec.services.maintenance import resume_host

        resume_host(SYSTEM, host=Host.objects.get())

    def ended_wrong(self) -> list[str]:
        """One start did it."""
        from vrabec.models.jobs import Job

        starts = Job.objects.filter(kind="vm.start", parent__kind="host.resume").count()
        return super().ended_wrong() + ([] if starts == 1 else [f"wrong: {starts} starts"])


SWEPT = (
    Starts,
    Wakes,
    ShutsDownThenPowersOff,
    PowersOff,
    DropsSavedMemory,
    FailsToReboot,
    Resets,
    Pauses,
    Resumes,
    Hibernates,
    SendsKeys,
    ForbidsAutostart,
    StartsAfterMaintenance,
)


def bring(host: Any, uuid: str, state: str) -> None:
    """Put a machine that runs into this state, by hand."""
    from vrabec.hypervisor import lifecycle

    ways = {
        "off": lifecycle.destroy,
        "paused": lifecycle.pause,
        "hibernated": lifecycle.hibernate,
        "running": lifecycle.start,
    }
    ways[state](host, uuid)
