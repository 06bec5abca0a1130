"""Brings a host's machines and our rows together: what came, went, changed, and what should run again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from vrabec.hypervisor.spec import DomainFacts, DomainState, Known, OffReason, Standing
from vrabec.lib.clock import now
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import facts, vms, whereabouts
from vrabec.services.vm_xml import Told, keep_xmls

_NOT_RUNNING = (DomainState.OFF, DomainState.HIBERNATED)
_WATCHED: WeakValueDictionary[int, Rows] = WeakValueDictionary()
"""The rows of all hosts that are watched, by the hosts' ids."""
_STATES = {Seen[state.name].value: state for state in DomainState}
_ON_PURPOSE = (OffReason.SHUTDOWN, OffReason.DESTROYED)


Found = Mapping[str, DomainFacts | DomainState | None]
"""Machines by UUID as a host has them; the state alone where nothing else is new, None where it has none."""


class Looked(NamedTuple):
    """What a host says of some machines; all of it was asked at `asked_at` or later."""

    rows: Rows
    found: Found
    asked_at: datetime


class Rows:
    """The rows of one host; `ids` maps libvirt's UUIDs to ours and is asked again when one is missing."""

    def __init__(self, host_id: int) -> None:
        self.host_id = host_id
        self.ids: dict[str, int] = {}
        _WATCHED[host_id] = self

    def known(self) -> dict[str, Known]:
        """What is known of the host's machines, by UUID. From the rows: others write and delete them, too."""
        rows = facts.all_of_host(self.host_id)
        self.ids = {uuid: pk for uuid, pk, *_ in rows}
        return {
            uuid: Known(digest, _STATES.get(seen, ""), bool(agent)) for uuid, _, seen, digest, agent in rows
        }

    def saw(self, uuid: str, found: DomainFacts | None) -> int | None:
        """Write what a host says of one machine; None when it has none of this UUID. Gives our id."""
        self.saw_all({uuid: found})
        return self.ids.get(uuid)

    def saw_all(self, found: Found) -> None:
        """Write what a host says of these machines, by UUID."""
        see([Looked(self, found, now())])

    def _heard(
        self, found: Found, known: Mapping[str, facts.Known], asked_at: datetime
    ) -> tuple[dict[int, dict[str, Any]], dict[int, Told]]:
        """What is new of machines that have rows, `known`, and what was told of all; by our ids."""
        there = {uuid: one for uuid, one in found.items() if isinstance(one, DomainFacts)}
        for uuid in [uuid for uuid, one in found.items() if one is None]:
            self.ids.pop(uuid, None)
            if uuid in known and not _is_new(known[uuid], asked_at):
                self._left(known[uuid])
        seen = {uuid: one for uuid, one in there.items() if uuid in known}
        self.ids |= {uuid: known[uuid].pk for uuid in seen}
        differing = {known[uuid].pk: _differing(known[uuid], one, asked_at) for uuid, one in seen.items()}
        for uuid, one in found.items():
            if isinstance(one, DomainState) and uuid in known:
                differing[known[uuid].pk] = facts.differing(known[uuid], _state(known[uuid], one, asked_at))
        passing = self._passing([uuid for uuid in there if uuid not in known])
        self._add([one for uuid, one in there.items() if uuid not in known and uuid not in passing])
        told = [uuid for uuid in there if uuid in self.ids and uuid not in passing]
        fresh = [uuid for uuid in told if uuid not in known or known[uuid].said != there[uuid].digest]
        return differing, {self.ids[uuid]: _told(there[uuid]) for uuid in fresh}

    def _left(self, vm: facts.Known) -> None:
        """Where another host has it now, that host's rows hear which it is."""
        followed = whereabouts.left(vm.pk)
        if followed and (there := _WATCHED.get(followed.host_id or 0)):
            there.ids[str(vm.uuid)] = vm.pk

    def stopped(self, uuid: str, detail: str) -> None:
        """A machine stopped: from inside, or switched off or saved on its host, means it should be off."""
        if detail in ("shutdown", "destroyed", "saved") and uuid in self.ids:
            facts.wish_off(self.ids[uuid])

    def check_autostart(self, found: Standing) -> None:
        """Whether a managed machine starts with its host is our wish's alone, not libvirt's."""
        if found.autostart and (vm_id := self.ids.get(found.uuid)):
            vms.forbid_autostart(vm_id)

    def restarted(self, uuid: str) -> None:
        """A machine's guest began anew."""
        if uuid in self.ids:
            facts.vm_restarted(self.ids[uuid])

    def keep_wishes(self, found: Iterable[Standing]) -> None:
        """After the host came back: start what should run and was not stopped on purpose."""
        wished = Vm.objects.present().filter(host_id=self.host_id, wished=Wished.ON)
        ids = set(wished.values_list("pk", flat=True))
        for one in found:
            if one.state in _NOT_RUNNING and self.ids.get(one.uuid) in ids:
                self._keep_wish(self.ids[one.uuid], one)

    def _keep_wish(self, vm_id: int, found: Standing) -> None:
        if found.state == DomainState.HIBERNATED or found.off_reason in _ON_PURPOSE:
            facts.wish_off(vm_id)
            return
        vm = Vm.objects.filter(pk=vm_id, wished=Wished.ON, is_managed=True).select_related("host").first()
        if vm and not Job.objects.active().filter(vm_id=vm_id).exists():
            vms.keep_wish(vm)

    def _passing(self, uuids: Collection[str]) -> set[str]:
        """Those of `uuids` that jobs move: what comes is known before its row says so, what left is not."""
        moving = facts.on_the_move(self.host_id, uuids) if uuids else {}
        self.ids |= {uuid: vm_id for uuid, (vm_id, host_id) in moving.items() if host_id == self.host_id}
        return set(moving)

    def _add(self, found: Iterable[DomainFacts]) -> None:
        """Somebody else's machines."""
        fresh = {one.uuid: _first_columns(one) for one in found}
        if fresh:
            self.ids |= facts.add_foreign(self.host_id, fresh)


def see(looked: list[Looked]) -> list[None]:
    """Write what hosts say of machines: a few statements, however many machines and hosts they are."""
    hosts = {one.rows.host_id for one in looked}
    rows = facts.known_vms(hosts, {uuid for one in looked for uuid in one.found})
    differing: dict[int, dict[str, Any]] = {}
    told: dict[int, Told] = {}
    for one, found, asked_at in looked:
        mine = {uuid: rows[one.host_id, uuid] for uuid in found if (one.host_id, uuid) in rows}
        changes, texts = one._heard(found, mine, asked_at)
        differing |= changes
        told |= texts
    facts.write_vms({vm_id: columns for vm_id, columns in differing.items() if columns})
    keep_xmls(told)
    return [None] * len(looked)


def _first_columns(found: DomainFacts) -> dict[str, object]:
    return {
        "name": found.name,
        "domain_name": found.name,
        "network": (found.networks or ("",))[0],
        "mac": (found.macs or ("",))[0],
        "seen": Seen[found.state.name],
        "has_agent": found.has_agent_channel,
        **_common_columns(found),
    }


def _is_younger(vm: facts.Known, asked_at: datetime) -> bool:
    """Whether a job changed the row's state after the host was asked. A time to come is a clock set back."""
    return asked_at < vm.state_since <= now()


def _is_new(vm: facts.Known, asked_at: datetime) -> bool:
    """Whether it is being made, or was made after the host was asked: then it is not missed."""
    return vm.seen == Seen.PENDING or _is_younger(vm, asked_at)


def _state(vm: facts.Known, state: DomainState, asked_at: datetime) -> Seen | None:
    """What the row should say; None for as it is."""
    return None if _is_younger(vm, asked_at) else Seen[state.name]


def _differing(vm: facts.Known, found: DomainFacts, asked_at: datetime) -> dict[str, Any]:
    """What the host says otherwise than the row. A managed machine keeps its own name."""
    columns = {"domain_name": found.name, **_common_columns(found)}
    if not vm.is_managed:
        columns["name"] = found.name
    if not found.agent_connected:
        columns["is_ready"] = False
    return facts.differing(vm, _state(vm, found.state, asked_at), **columns)


def _common_columns(found: DomainFacts) -> dict[str, object]:
    sizes = facts.sizes((found.cpus, found.memory_mib), (found.defined_cpus, found.defined_memory_mib))
    return {"autostart": found.autostart, **sizes}


def _told(found: DomainFacts) -> Told:
    return Told(found.xml, found.needs, found.digest, found.agent_connected)
