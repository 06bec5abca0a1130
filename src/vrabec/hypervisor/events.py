"""What hosts say by themselves. Callbacks run in libvirt's event loop, so they only pass the event on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import libvirt

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import Event, EventKind
from vrabec.lib.errors import VrabecError

LIFECYCLE = (
    "defined",
    "undefined",
    "started",
    "suspended",
    "resumed",
    "stopped",
    "shutdown",
    "pmsuspended",
    "crashed",
)
"""VIR_DOMAIN_EVENT_DEFINED is 0, and so on."""
DETAILS = {
    "defined": ("added", "updated", "renamed", "from-snapshot"),
    "undefined": ("removed", "renamed"),
    "started": ("booted", "migrated", "restored", "from-snapshot", "wakeup", "recovered"),
    "suspended": (
        "paused",
        "migrated",
        "io-error",
        "watchdog",
        "restored",
        "from-snapshot",
        "api-error",
        "post-copy",
        "post-copy-failed",
    ),
    "resumed": ("unpaused", "migrated", "from-snapshot", "post-copy", "post-copy-failed"),
    "stopped": ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"),
    "shutdown": ("finished", "guest", "host"),
    "crashed": ("panicked", "crashloaded"),
}
POOL_LIFE = ("defined", "undefined", "started", "stopped", "created", "deleted")
"""VIR_STORAGE_POOL_EVENT_DEFINED is 0, and so on."""
AGENT = {1: "connected", 2: "disconnected"}
RESTARTED = "restarted"
"""libvirt says it apart from the rest of a machine's life."""
CLOSED = ("error", "eof", "keepalive", "client")

OnEvent = Callable[[Event], None]


def watch(host: HostConnection, on_event: OnEvent) -> Callable[[], None]:
    """Call `on_event` for each event of the host, in libvirt's thread: it must only queue.

    Returns what ends it; closing the connection does so as well. Raises Unavailable.
    """
    with host.calling() as raw:
        numbers = [
            raw.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _lifecycle, on_event),
            raw.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, _restarted, on_event),
        ]
        with suppress(libvirt.libvirtError):  # LXC and Xen have no agent
            number = raw.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, _agent, on_event
            )
            numbers.append(number)
        pools = _watch_pools(raw, on_event)
        raw.registerCloseCallback(_closed, on_event)
    return host.before_close(lambda: _forget(host, numbers, pools))


def _watch_pools(raw: Any, on_event: OnEvent) -> list[int]:
    """A pool's life and its refreshes, where the driver has pools. A volume's making is told by nothing."""
    numbers = []
    with suppress(libvirt.libvirtError):  # LXC
        for kind, told in (
            (libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, _pool_lives),
            (libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH, _pool_refreshed),
        ):
            numbers.append(raw.storagePoolEventRegisterAny(None, kind, told, on_event))
    return numbers


@contextmanager
def restarts(host: HostConnection, uuid: str) -> Iterator[threading.Event]:
    """A flag that is set when the machine restarts, by its guest or by reset, while the body runs.

    libvirt's test driver never says so. Raises NotFound, Unavailable.
    """
    flag = threading.Event()
    with host.calling() as raw:
        number = raw.domainEventRegisterAny(
            raw.lookupByUUIDString(uuid),
            libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
            lambda raw, domain, flag: flag.set(),
            flag,
        )
    try:
        yield flag
    finally:
        _forget_numbers(host, [number])


PAUSES = ("suspended", "resumed")
"""Of what such an event says, nothing but the state is new."""


def _forget(host: HostConnection, numbers: list[int], pools: list[int]) -> None:
    with suppress(VrabecError), host.calling() as raw, suppress(libvirt.libvirtError):
        raw.unregisterCloseCallback()
    _forget_numbers(host, numbers)
    with suppress(VrabecError), host.calling() as raw:
        for number in pools:
            with suppress(libvirt.libvirtError):
                raw.storagePoolEventDeregisterAny(number)


def _forget_numbers(host: HostConnection, numbers: list[int]) -> None:
    with suppress(VrabecError), host.calling() as raw:
        for number in numbers:
            with suppress(libvirt.libvirtError):
                raw.domainEventDeregisterAny(number)


def _lifecycle(_raw: Any, domain: Any, event: int, detail: int, on_event: OnEvent) -> None:
    what = LIFECYCLE[event] if 0 <= event < len(LIFECYCLE) else str(event)
    details = DETAILS.get(what, ())
    words = details[detail] if 0 <= detail < len(details) else str(detail)
    # Neither name() nor UUIDString() asks the host.
    on_event(Event(EventKind.LIFECYCLE, domain.UUIDString(), domain.name(), what, words))


def _restarted(_raw: Any, domain: Any, on_event: OnEvent) -> None:
    on_event(Event(EventKind.LIFECYCLE, domain.UUIDString(), domain.name(), RESTARTED, ""))


def _agent(_raw: Any, domain: Any, state: int, reason: int, on_event: OnEvent) -> None:
    detail = ("unknown", "domain-started", "channel")[reason] if 0 <= reason < 3 else str(reason)
    on_event(Event(EventKind.AGENT, domain.UUIDString(), domain.name(), AGENT.get(state, str(state)), detail))


def _pool_lives(_raw: Any, pool: Any, event: int, _detail: int, on_event: OnEvent) -> None:
    what = POOL_LIFE[event] if 0 <= event < len(POOL_LIFE) else str(event)
    on_event(Event(EventKind.POOL, pool.UUIDString(), pool.name(), what, ""))


def _pool_refreshed(_raw: Any, pool: Any, on_event: OnEvent) -> None:
    on_event(Event(EventKind.POOL, pool.UUIDString(), pool.name(), "refreshed", ""))


def _closed(_raw: Any, reason: int, on_event: OnEvent) -> None:
    words = CLOSED[reason] if 0 <= reason < len(CLOSED) else str(reason)
    on_event(Event(EventKind.CLOSED, "", "", words, ""))
