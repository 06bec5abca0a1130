"""A machine as a row, a header and a set of load numbers show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.frontends.web.leases import Lease, lease_of
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen
from vrabec.services.states import Shown, shown_vm
from vrabec.services.vm_rows import Listed


@dataclass(frozen=True)
class VmRow:
    """One machine; sizes in MiB, `cpu` in percent of all its CPUs; None where nothing is known.

    It holds all that a row shows, and nothing that can change: rows that are equal are drawn once.
    """

    id: int
    v: int
    name: str
    host: str
    project: str
    state: str
    label: str
    note: str
    since: datetime
    address: str
    cpu: float | None
    memory_used: int | None
    memory: int
    disk_used: int | None
    disk: int
    rates: tuple[int, int, int, int] | None
    is_found: bool
    tags: tuple[str, ...]
    cpus: int
    template: str
    network: str
    mac: str
    by: str
    created_at: datetime
    lease: Lease | None

    @property
    def disk_rate(self) -> int | None:
        """Bytes a second, read and written."""
        return sum(self.rates[:2]) if self.rates else None

    @property
    def net_rate(self) -> int | None:
        """Bytes a second, received and sent."""
        return sum(self.rates[2:]) if self.rates else None


def vm_row(vm: Listed, job: Job | None, *, with_host: bool) -> VmRow:
    """The row of `vm` with its active job; the host's name only for those who may see hosts."""
    shown = shown_vm(vm, job, vm.stand)
    return VmRow(
        id=vm.pk,
        v=vm.version,
        name=vm.name,
        host=(vm.host or "") if with_host else "",
        project=vm.project,
        state=shown.key,
        label=gettext(shown.label),
        note=_note(shown),
        since=shown.since,
        address=vm.address,
        cpu=vm.cpu_percent,
        memory_used=vm.memory_used_mib,
        memory=vm.memory_mib,
        disk_used=vm.disk_used_mib,
        disk=vm.disk_mib,
        rates=vm.rates if vm.seen == Seen.RUNNING else None,
        is_found=not vm.is_managed,
        tags=tuple(vm.tag_line.split()),
        cpus=vm.cpus,
        template=vm.template,
        network=vm.network,
        mac=vm.mac,
        by=vm.by,
        created_at=vm.created_at,
        lease=lease_of(vm.lease_ends_at),
    )


def _note(shown: Shown) -> str:
    """What stands beside the word: how far, or for how long nothing was heard."""
    if shown.percent is not None:
        return show.percent(shown.percent)
    return show.age(shown.since) if shown.key == "unknown" else ""
