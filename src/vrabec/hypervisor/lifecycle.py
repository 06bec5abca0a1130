"""Define, start, stop and forget machines. Every verb may be repeated: done already is success.

So a job that died in the middle of a call says it again. What another client still does meanwhile is waited
for: libvirt's own limit for that is 30 s, then it says OPERATION_TIMEOUT, which becomes Unavailable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import libvirt

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.domains import domain_state, has_saved_memory
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.spec import DomainState
from vrabec.lib.errors import NotFound, WrongState

STARTING_LIMIT_S = 30
HOLD_MS = 50
_MAYBE_RUNNING = (libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_INTERNAL_ERROR)
# libvirt would wait half a minute for the move's own lock before it refuses.
_POST_COPY = (libvirt.VIR_DOMAIN_PAUSED_POSTCOPY, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)
# What else a definition leaves behind. Drivers know different flags: fewer are tried after a refusal.
_UNDEFINE_FLAGS = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM,
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
    0,
)


def define(host: HostConnection, xml: str) -> None:
    """Define a machine; one with the same name and UUID is replaced. libvirt does not start it by itself.

    Raises Conflict when name or UUID is another machine's.
    """
    with host.calling() as raw:
        domain = raw.defineXML(xml)
        # A replaced definition keeps the flag.
        if domain.autostart():
            domain.setAutostart(0)


def start(host: HostConnection, uuid: str) -> None:
    """Start a machine; running already is success.

    Raises NotFound, WrongState when it is paused, and what the host has against it: FileMissing, NoCapacity,
    HostError.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        try:
            domain.create()
        except libvirt.libvirtError as error:
            # OPERATION_INVALID (the test driver: INTERNAL_ERROR) is "already running", but also "network is
            # not active" and others: the state tells.
            if not has_code(error, *_MAYBE_RUNNING) or not domain.isActive():
                raise
            _wait_until_started(domain)


def _wait_until_started(domain: Any) -> None:
    """Another client's start may be under way: QEMU sits paused until libvirt has set it up."""
    deadline = time.monotonic() + STARTING_LIMIT_S
    while True:
        state, reason = domain.state()
        if state != libvirt.VIR_DOMAIN_PAUSED:
            return
        if reason != libvirt.VIR_DOMAIN_PAUSED_STARTING_UP or time.monotonic() > deadline:
            raise WrongState("The machine is paused: resume it instead.")
        time.sleep(0.1)


def resume(host: HostConnection, uuid: str) -> None:
    """Let a paused machine go on; running already is success.

    Raises NotFound, WrongState when it is off, or a half that a move has left.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        _require_active(domain)
        state, reason = domain.state()
        if state == libvirt.VIR_DOMAIN_PMSUSPENDED:
            domain.pMWakeup()
        elif state == libvirt.VIR_DOMAIN_PAUSED and reason in _POST_COPY:
            raise WrongState("It was switched over to another host before it was there: retry its move.")
        elif state != libvirt.VIR_DOMAIN_RUNNING:
            domain.resume()


def pause(host: HostConnection, uuid: str) -> None:
    """Stop a machine's CPUs; paused already is success. Raises NotFound, WrongState when off."""
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        _require_active(domain)
        if domain_state(*domain.state()) is not DomainState.PAUSED:
            domain.suspend()


def _require_active(domain: Any) -> None:
    if not domain.isActive():  # the test driver calls it an internal error
        raise WrongState("The machine is off: start it first.")


def hibernate(host: HostConnection, uuid: str) -> None:
    """Save a machine's memory on the host and switch it off: a start goes on from there.

    Done already is success. Takes as long as writing its memory. When it fails the machine runs on. Raises
    NotFound, NoCapacity, WrongState when it is off.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if not domain.isActive() and has_saved_memory(domain):
            return
        _require_active(domain)
        domain.managedSave(libvirt.VIR_DOMAIN_SAVE_RUNNING)


def drop_saved_memory(host: HostConnection, uuid: str) -> None:
    """Remove what hibernating saved: the next start boots. None, or no machine, is success."""
    with suppress(NotFound), host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if has_saved_memory(domain):
            domain.managedSaveRemove(0)


def press(host: HostConnection, uuid: str, codes: Sequence[int]) -> None:
    """Press keys together for a moment; `codes` are Linux's. Raises NotFound, WrongState when it is off."""
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        _require_active(domain)
        domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, HOLD_MS, list(codes), len(codes), 0)


def set_autostart(host: HostConnection, uuid: str, *, on: bool) -> None:
    """Let libvirt itself start the machine with its host, or not. Raises NotFound, WrongState."""
    with host.calling() as raw:
        raw.lookupByUUIDString(uuid).setAutostart(int(on))


def reset(host: HostConnection, uuid: str) -> None:
    """Restart a machine as by its reset button: at once, unasked. Raises NotFound, WrongState when off."""
    with host.calling() as raw:
        raw.lookupByUUIDString(uuid).reset(0)


def reboot(host: HostConnection, uuid: str) -> None:
    """Ask the guest to restart, by its agent or else the power button: events.restarts tells when it did.

    A guest that ignores it and shuts down by itself later is started again (libvirt 9.0 remembers that it was
    asked). Raises NotFound; WrongState when it does not run.
    """
    with host.calling() as raw:
        raw.lookupByUUIDString(uuid).reboot(0)


def shutdown(host: HostConnection, uuid: str) -> None:
    """Ask the guest to shut down, by its agent or else the power button; off already is success.

    Returns at once: the guest may take its time, or not listen. Raises NotFound; WrongState when paused.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        state = domain_state(*domain.state())
        if state in (DomainState.OFF, DomainState.CRASHED):
            return
        if state is DomainState.PAUSED:
            raise WrongState("The machine is paused and cannot shut down: resume it first, or switch it off.")
        # No flags: QEMU's driver asks a connected agent first, then the ACPI button; others know one way.
        with _fine_when_off(domain):
            domain.shutdownFlags(0)


def destroy(host: HostConnection, uuid: str) -> None:
    """Switch a machine off at once, as by its plug; off already, or not there, is success.

    A transient machine is gone after it. Raises HostError when the host cannot end its process.
    """
    with suppress(NotFound), host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if domain.isActive():
            with _fine_when_off(domain):
                domain.destroy()


class _fine_when_off:  # noqa: N801 - reads as a verb, like contextlib's own
    """Drops an error when the machine turns out to be off: it was faster."""

    def __init__(self, domain: Any) -> None:
        self._domain = domain

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, libvirt.libvirtError):
            return False
        if has_code(error, libvirt.VIR_ERR_NO_DOMAIN):
            return True
        return has_code(error, libvirt.VIR_ERR_OPERATION_INVALID) and not self._domain.isActive()


def keep(host: HostConnection, uuid: str) -> None:
    """Let the host know a machine that runs there also when it has ended. Raises NotFound."""
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if not domain.isPersistent():
            raw.defineXML(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))


def undefine(host: HostConnection, uuid: str) -> None:
    """Forget a machine with its saved memory, NVRAM and metadata of snapshots; not there is success.

    It goes on if it runs (switch it off before); its disks stay.
    """
    with suppress(NotFound), host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if domain.isPersistent():
            _undefine(domain)


def _undefine(domain: Any) -> None:
    for flags in _UNDEFINE_FLAGS:
        try:
            domain.undefineFlags(flags)
        except libvirt.libvirtError as error:
            if flags and has_code(error, libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_NO_SUPPORT):
                continue
            raise
        return


def dump_xml(host: HostConnection, uuid: str) -> str:
    """The definition to edit: as of the next start, with its secrets. Raises NotFound."""
    with host.calling() as raw:
        flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        return str(raw.lookupByUUIDString(uuid).XMLDesc(flags))
