"""Screens and serial lines of running machines.

A screen is a socket that QEMU speaks VNC on (RFC 6143), whichever way it listens itself: libvirt hands one
over. A serial line is a libvirt stream; the first line a machine has is the one that its console uses.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import libvirt
from lxml import etree

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.xml import parse
from vrabec.lib.errors import HostError, Unavailable, WrongState

RECEIVE_BYTES = 64 * 1024
_BUSY = -2
"""What a stream's calls return when they would have to wait."""
_READABLE = libvirt.VIR_STREAM_EVENT_READABLE
_ENDED = libvirt.VIR_STREAM_EVENT_HANGUP | libvirt.VIR_STREAM_EVENT_ERROR


def open_screen(host: HostConnection, uuid: str) -> socket.socket:
    """A new connection to the machine's VNC server, which asks for no password.

    It outlives `host`. Raises NotFound, WrongState when the machine is off or has no VNC screen, HostError
    over a connection that cannot hand sockets over (ssh, TLS).
    """
    with host.calling() as raw:
        domain = _running(raw, uuid)
        index = _vnc_index(parse(domain.XMLDesc(0)))
        try:
            descriptor = domain.openGraphicsFD(index, libvirt.VIR_DOMAIN_OPEN_GRAPHICS_SKIPAUTH)
        except libvirt.libvirtError as error:
            if has_code(error, libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_NO_SUPPORT):
                raise HostError(
                    "The host cannot hand its screens over: its libvirt is not on this controller. "
                    "Use the serial console.",
                    raw=str(error),
                ) from error
            raise
    return socket.socket(fileno=descriptor)


def _running(raw: Any, uuid: str) -> Any:
    domain = raw.lookupByUUIDString(uuid)
    if not domain.isActive():
        raise WrongState("The machine is off: start it.")
    return domain


def _vnc_index(root: etree._Element) -> int:
    kinds = [graphics.get("type") for graphics in root.iterfind("devices/graphics")]
    if "vnc" not in kinds:
        raise WrongState("The machine has no VNC screen; its serial console may work.")
    return kinds.index("vnc")


class SerialLine:
    """An open serial line. `heard` gets what the machine says, in libvirt's thread; b"" once, at its end."""

    def __init__(
        self, host: HostConnection, uuid: str, heard: Callable[[bytes], None], *, take: bool
    ) -> None:
        self._host = host
        self._heard = heard
        self._ended = threading.Event()
        with host.calling() as raw:
            domain = _running(raw, uuid)
            self._stream = raw.newStream(libvirt.VIR_STREAM_NONBLOCK)
            domain.openConsole(None, self._stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE if take else 0)
            self._stream.eventAddCallback(_READABLE | _ENDED, self._on_event, None)
        self._remove = host.before_close(self._stream.eventRemoveCallback)

    def send(self, data: bytes) -> None:
        """Type; waits while the machine does not read. Raises Unavailable and HostError."""
        while data and not self._ended.is_set():
            with self._host.calling():
                count = self._stream.send(data)
            if count == _BUSY:
                self._ended.wait(0.02)
                continue
            data = data[count:]

    def close(self) -> None:
        """Give the line back. Afterwards nothing is heard."""
        self._ended.set()
        with suppress(libvirt.libvirtError):
            self._remove()
        # The host frees the line with the stream: the next one may have it once this has been answered.
        with suppress(Unavailable, HostError), self._host.calling():
            self._stream.abort()

    def _on_event(self, stream: Any, events: int, opaque: object) -> None:
        for data in self._received():
            self._heard(data)
        if events & _ENDED:
            self._end()

    def _received(self) -> Iterator[bytes]:
        """What waits in the stream. Not inside `calling`: its lock could hold up every host's events."""
        while not self._ended.is_set():
            try:
                data = self._stream.recv(RECEIVE_BYTES)
            except libvirt.libvirtError:
                data = b""
            if data == _BUSY:
                return
            if not data:
                return self._end()
            yield data

    def _end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._heard(b"")
