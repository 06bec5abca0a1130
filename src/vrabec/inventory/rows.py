"""Brings a host's machines and our rows together: what came, went, changed, and what should run again."""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from django.db import IntegrityError, transaction

from vrabec.hypervisor.spec import DomainFacts, DomainState, OffReason
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import facts, vms
from vrabec.services.vm_xml import write_xml

_SEEN = {
    DomainState.RUNNING: Seen.RUNNING,
    DomainState.PAUSED: Seen.PAUSED,
    DomainState.OFF: Seen.OFF,
    DomainState.HIBERNATED: Seen.HIBERNATED,
    DomainState.CRASHED: Seen.CRASHED,
}
_NOT_RUNNING = (DomainState.OFF, DomainState.HIBERNATED)
_ON_PURPOSE = (OffReason.SHUTDOWN, OffReason.DESTROYED)


class Rows:
    """The rows of one host; `ids` maps libvirt's UUIDs to ours and is asked again when one is missing."""

    def __init__(self, host_id: int) -> None:
        self._host_id = host_id
        self.ids: dict[str, int] = {}

    def saw(self, uuid: str, found: DomainFacts | None) -> int | None:
        """Write what a host says of one machine; None when it has none of this UUID. Gives our id."""
        vm = Vm.objects.present().filter(host_id=self._host_id, uuid=uuid).first()
        if found is None:
            self.ids.pop(uuid, None)
            if vm and vm.seen != Seen.PENDING:
                facts.vm_is_gone(vm.pk)
            return None
        if vm is None:
            return self._add(found)
        self.ids[uuid] = vm.pk
        facts.write_vm(vm.pk, _SEEN[found.state], **_columns(vm, found))
        write_xml(vm.pk, found.xml)
        return vm.pk

    def stopped(self, uuid: str, detail: str) -> None:
        """A machine stopped: from inside, or switched off or saved on its host, means it should be off."""
        if detail in ("shutdown", "destroyed", "saved") and uuid in self.ids:
            facts.wish_off(self.ids[uuid])

    def check_autostart(self, found: DomainFacts) -> None:
        """Whether a managed machine starts with its host is our wish's alone, not libvirt's."""
        if found.autostart and (vm_id := self.ids.get(found.uuid)):
            vms.forbid_autostart(vm_id)

    def restarted(self, uuid: str) -> None:
        """A machine's guest began anew."""
        if uuid in self.ids:
            facts.vm_restarted(self.ids[uuid])

    def vanished(self, present: Collection[str]) -> None:
        """After a whole look at the host: rows whose machine is not there any more."""
        rows = Vm.objects.present().filter(host_id=self._host_id).exclude(seen=Seen.PENDING)
        for uuid in rows.values_list("uuid", flat=True):
            if str(uuid) not in present:
                self.saw(str(uuid), None)

    def keep_wish(self, found: DomainFacts) -> None:
        """After the host came back: start what should run and was not stopped on purpose."""
        vm_id = self.ids.get(found.uuid)
        if found.state not in _NOT_RUNNING or vm_id is None:
            return
        if found.state == DomainState.HIBERNATED or found.off_reason in _ON_PURPOSE:
            facts.wish_off(vm_id)
            return
        vm = Vm.objects.filter(pk=vm_id, wished=Wished.ON, is_managed=True).select_related("host").first()
        if vm and not Job.objects.active().filter(vm_id=vm_id).exists():
            vms.keep_wish(vm)

    def _add(self, found: DomainFacts) -> int | None:
        """Somebody else's machine. Two threads may see it first at once: the second finds the row."""
        columns = {
            "name": found.name,
            "domain_name": found.name,
            "cpus": found.cpus,
            "memory_mib": found.memory_mib,
            "network": (found.networks or ("",))[0],
            "mac": (found.macs or ("",))[0],
            "seen": _SEEN[found.state],
            "has_agent": found.has_agent_channel,
            "autostart": found.autostart,
        }
        with contextlib.suppress(IntegrityError), transaction.atomic():
            self.ids[found.uuid] = facts.add_foreign(self._host_id, found.uuid, columns)
            write_xml(self.ids[found.uuid], found.xml)
        return self.ids.get(found.uuid)


def _columns(vm: Vm, found: DomainFacts) -> dict[str, object]:
    """What the host may change of a row. A managed machine keeps its own name."""
    columns: dict[str, object] = {
        "domain_name": found.name,
        "xml_digest": found.xml_digest,
        **facts.sizes((found.cpus, found.memory_mib), (found.defined_cpus, found.defined_memory_mib)),
        "autostart": found.autostart,
    }
    if not vm.is_managed:
        columns["name"] = found.name
    return columns
