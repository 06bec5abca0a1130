"""A machine as a row, a header and a set of load numbers show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, VmLoad
from vrabec.services.states import shown_vm


@dataclass(frozen=True)
class VmRow:
    """One machine; sizes in MiB, `cpu` in percent of all its CPUs; None where nothing is known."""

    vm: Vm
    id: int
    v: int
    name: str
    host: str
    project: str
    state: str
    label: str
    percent: int | None
    since: datetime
    address: str
    cpu: float | None
    memory_used: int | None
    memory: int
    disk_used: int | None
    disk: int
    rates: tuple[int, int, int, int] | None

    @property
    def disk_rate(self) -> int | None:
        """Bytes a second, read and written."""
        return sum(self.rates[:2]) if self.rates else None

    @property
    def net_rate(self) -> int | None:
        """Bytes a second, received and sent."""
        return sum(self.rates[2:]) if self.rates else None

    @property
    def note(self) -> str:
        """What stands beside the word: how far, or for how long nothing was heard."""
        if self.percent is not None:
            return show.percent(self.percent)
        return show.age(self.since) if self.state == "unknown" else ""


def vm_row(vm: Vm, job: Job | None, *, with_host: bool) -> VmRow:
    """The row of `vm` with its active job; the host's name only for those who may see hosts."""
    shown = shown_vm(vm, job, vm.host)
    load: VmLoad | None = getattr(vm, "load", None)
    return VmRow(
        vm=vm,
        id=vm.pk,
        v=vm.version,
        name=vm.name,
        host=vm.host.name if vm.host and with_host else "",
        project=vm.project.shown_name if vm.project else "",
        state=shown.key,
        label=gettext(shown.label),
        percent=shown.percent,
        since=shown.since,
        address=vm.address,
        cpu=load.cpu_percent if load else None,
        memory_used=load.memory_used_mib if load else None,
        memory=vm.memory_mib,
        disk_used=load.disk_used_mib if load else None,
        disk=vm.disk_mib,
        rates=load.rates if load and vm.seen == Seen.RUNNING else None,
    )
