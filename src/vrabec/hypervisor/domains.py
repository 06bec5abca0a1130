"""What a host says of its machines: how each stands, and what its XML holds, read only where that is new."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import libvirt

from vrabec.hypervisor import xml as domain_xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.needs import needs_of
from vrabec.hypervisor.spec import DomainFacts, DomainState, Known, Look, OffReason, Standing
from vrabec.lib.errors import NotFound

READER = "1"
"""Part of every digest: count it up when more is read than before, so that all machines are read again."""
_STATES = {
    libvirt.VIR_DOMAIN_PAUSED: DomainState.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: DomainState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: DomainState.OFF,
    libvirt.VIR_DOMAIN_CRASHED: DomainState.CRASHED,
}
_OFF_REASONS = {
    libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN: OffReason.SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED: OffReason.DESTROYED,
    libvirt.VIR_DOMAIN_SHUTOFF_CRASHED: OffReason.CRASHED,
    libvirt.VIR_DOMAIN_SHUTOFF_FAILED: OffReason.FAILED,
    libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED: OffReason.MIGRATED,
    libvirt.VIR_DOMAIN_SHUTOFF_SAVED: OffReason.SAVED,
}


def facts(host: HostConnection, uuid: str) -> DomainFacts | None:
    """A machine as it is on the host, None when it is not there."""
    with host.calling() as raw:
        try:
            domain = raw.lookupByUUIDString(uuid)
            stand = _stand_of(domain)
            texts = _texts(domain, stand)
            return _read(stand, _digest_of(stand, *texts), *texts)
        except libvirt.libvirtError as error:
            if has_code(error, libvirt.VIR_ERR_NO_DOMAIN):
                return None
            raise


def state_of(host: HostConnection, uuid: str) -> DomainState | None:
    """How a machine stands, and nothing else of it: two calls in place of six. None when it is not there.

    One that is off with its memory saved is said to be off.
    """
    with host.calling() as raw:
        try:
            return domain_state(*raw.lookupByUUIDString(uuid).state())
        except libvirt.libvirtError as error:
            if has_code(error, libvirt.VIR_ERR_NO_DOMAIN):
                return None
            raise


def all_facts(host: HostConnection) -> Iterator[DomainFacts]:
    """Every machine of the host, one at a time: other calls may come between two."""
    return (found for found in looks(host, {}) if isinstance(found, DomainFacts))


def looks(host: HostConnection, known: Mapping[str, Known]) -> Iterator[Look]:
    """As `all_facts`, but a machine that is as `known`, by UUID, is not read.

    What can be asked of all machines in one call is: what remains is to fetch their XML.
    """
    with host.calling() as raw:
        domains = _domains(raw)
    for domain, uuid, told in domains:
        with suppress(NotFound):  # gone since
            with host.calling():
                stand = told or _stand_of(domain)
                texts = _texts(domain, stand)
            digest = _digest_of(stand, *texts)
            before = known.get(uuid)
            if before and (before.digest, before.state) == (digest, stand.seen):
                yield stand.at(uuid, agent_connected=before.agent_connected)
            else:
                yield _read(stand, digest, *texts)


@dataclass(frozen=True)
class _Stand:
    """How a machine stands, beside its XML; `state` and `reason` are libvirt's numbers."""

    state: int
    reason: int
    is_persistent: bool
    autostart: bool
    is_saved: bool

    @property
    def is_off(self) -> bool:
        return self.state in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.state} {self.reason} {self.is_persistent:d}{self.autostart:d}{self.is_saved:d}"

    @property
    def seen(self) -> DomainState:
        if self.is_off and self.is_saved:
            return DomainState.HIBERNATED
        return domain_state(self.state, self.reason)

    def at(self, uuid: str, *, agent_connected: bool) -> Standing:
        """The same in our words."""
        reason = off_reason(self.state, self.reason)
        return Standing(uuid, self.seen, reason, self.autostart, agent_connected)


def _stand_of(domain: Any) -> _Stand:
    state, reason = domain.state()
    is_persistent = bool(domain.isPersistent())
    is_off = state in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)
    autostart = is_persistent and bool(domain.autostart())
    return _Stand(state, reason, is_persistent, autostart, is_off and has_saved_memory(domain))


def _domains(raw: Any) -> list[tuple[Any, str, _Stand | None]]:
    """All machines, their UUIDs, and how they stand, in four calls; None where the driver cannot say that."""
    try:
        answers = raw.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
        transient = _uuids(raw, libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
        starting = _uuids(raw, libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
        saved = _uuids(raw, libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_INVALID_ARG):
            return [(domain, domain.UUIDString(), None) for domain in raw.listAllDomains()]
        raise
    found: list[tuple[Any, str, _Stand | None]] = []
    for domain, told in answers:
        uuid = domain.UUIDString()
        is_persistent = uuid not in transient
        state, reason = told["state.state"], told["state.reason"]
        stand = _Stand(state, reason, is_persistent, is_persistent and uuid in starting, uuid in saved)
        found.append((domain, uuid, stand))
    return found


def _uuids(raw: Any, flag: int) -> set[str]:
    return {domain.UUIDString() for domain in raw.listAllDomains(flag)}


def _texts(domain: Any, stand: _Stand) -> tuple[str, str]:
    """What its next start gives, and what it is now. Only the latter says whether its agent is connected."""
    inactive = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    return inactive, inactive if stand.is_off else domain.XMLDesc(0)


def _digest_of(stand: _Stand, inactive: str, shown: str) -> str:
    """Of what a host said, byte for byte: cheaper than reading it, and compared with its own like alone."""
    said = "\0".join((READER, stand.text, inactive, shown if shown is not inactive else ""))
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def _read(stand: _Stand, digest: str, inactive: str, shown: str) -> DomainFacts:
    defined = domain_xml.Domain(inactive)
    seen = defined if shown == inactive else domain_xml.Domain(shown)
    return DomainFacts(
        state=stand.seen,
        off_reason=off_reason(stand.state, stand.reason),
        is_persistent=stand.is_persistent,
        defined_cpus=defined.cpus,
        defined_memory_mib=defined.memory_mib,
        autostart=stand.autostart,
        xml=shown,
        digest=digest,
        needs=needs_of(seen),
        **vars(domain_xml.definition_of(seen)),
    )


def domain_state(state: int, reason: int) -> DomainState:
    """The host's state and reason as one of ours. A machine that shuts down still runs."""
    if state == libvirt.VIR_DOMAIN_SHUTOFF and reason == libvirt.VIR_DOMAIN_SHUTOFF_CRASHED:
        return DomainState.CRASHED
    if state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_CRASHED:
        return DomainState.CRASHED
    return _STATES.get(state, DomainState.RUNNING)


def off_reason(state: int, reason: int) -> OffReason | None:
    """Why it does not run, None when it does."""
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return OffReason.CRASHED
    if state != libvirt.VIR_DOMAIN_SHUTOFF:
        return None
    return _OFF_REASONS.get(reason, OffReason.UNKNOWN)


def has_saved_memory(domain: Any) -> bool:
    """Whether libvirt keeps the memory of a machine that is off."""
    try:
        return bool(domain.hasManagedSaveImage(0))
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_SUPPORT):  # LXC
            return False
        raise
