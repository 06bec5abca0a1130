"""The line under a connection: finds the socket or ssh process that libvirt opened, so it can be cut.

libvirt does not say which of this process's sockets is whose. So opens to one daemon go one after another,
and the socket that is new after one is its own. Sockets are told apart by their peer: the name a socket was
bound to is not enough, hosts in namespaces all bind /run/libvirt/libvirt-sock; the peer's pid is added.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from vrabec.lib.errors import Unavailable
from vrabec.lib.uris import parameters, transport_of

PORTS = {"tcp": 16509, "tls": 16514, "libssh": 22, "libssh2": 22}
_UCRED = struct.Struct("3i")
_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


class Line(Protocol):
    """What carries one connection."""

    def cut(self) -> None:
        """Break it: a call that waits on it fails at once. Safe in any thread, and after the end."""

    def release(self) -> None:
        """Forget it; libvirt has closed its own end."""


class SocketLine:
    """A duplicate of libvirt's socket: its own file descriptor may be closed and used again by others."""

    def __init__(self, duplicate: socket.socket) -> None:
        self._socket = duplicate

    def cut(self) -> None:
        """Shut the socket down, for libvirt's descriptor as well."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Close the duplicate: the host sees the end only now."""
        self._socket.close()


class ProcessLine:
    """The ssh process between libvirt and the host."""

    def __init__(self, pid: int) -> None:
        self._pidfd: int | None = os.pidfd_open(pid)

    def cut(self) -> None:
        """Kill it."""
        if self._pidfd is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def release(self) -> None:
        """Forget it."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class Route:
    """How a URI reaches its daemon. This one needs no line: libvirt's test driver is in this process."""

    def __init__(self) -> None:
        self._before = frozenset(self._lines())

    def take_new(self) -> Line | None:
        """The line that is there since this object was made, None if there is none."""
        for key, handle in self._lines().items():
            if key not in self._before:
                with suppress(OSError):
                    return self._line(handle)
        return None

    def cut_new(self) -> None:
        """Cut that line."""
        if line := self.take_new():
            line.cut()
            line.release()

    def _lines(self) -> dict[Hashable, int]:
        return {}

    def _line(self, handle: int) -> Line:
        raise NotImplementedError


class SocketRoute(Route):
    """A daemon behind a socket, known by the peers that it may have."""

    def __init__(self, peers: frozenset[Hashable]) -> None:
        self._peers = peers
        super().__init__()

    def _lines(self) -> dict[Hashable, int]:
        """Our sockets to these peers: descriptors by inode, which names a socket for its whole life."""
        found: dict[Hashable, int] = {}
        for entry in os.scandir("/proc/self/fd"):
            with suppress(OSError):
                target = os.readlink(entry.path)
                if target.startswith("socket:") and self._fits(int(entry.name)):
                    found[target] = int(entry.name)
        return found

    def _fits(self, descriptor: int) -> bool:
        with socket.socket(fileno=os.dup(descriptor)) as duplicate:
            return duplicate.type == socket.SOCK_STREAM and peer_of(duplicate) in self._peers

    def _line(self, handle: int) -> Line:
        return SocketLine(socket.socket(fileno=os.dup(handle)))


class ProcessRoute(Route):
    """A daemon behind an ssh that libvirt starts as a child of this process."""

    def __init__(self, host: str) -> None:
        self._host = host.lower().encode()
        super().__init__()

    def _lines(self) -> dict[Hashable, int]:
        found: dict[Hashable, int] = {}
        for children in Path("/proc/self/task").glob("*/children"):
            with suppress(OSError):
                found |= {pid: pid for pid in map(int, children.read_text().split()) if self._fits(pid)}
        return found

    def _fits(self, pid: int) -> bool:
        with suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().lower().split(b"\0")
            return self._host in arguments
        return False

    def _line(self, handle: int) -> Line:
        return ProcessLine(handle)


@contextmanager
def opening(uri: str, timeout_s: float) -> Iterator[Route]:
    """Let one open a daemon through at a time, and know its line.

    Raises Unavailable when nothing listens there, or others wait for the same daemon already.
    """
    parts = urlsplit(uri)
    with _locks_lock:
        lock = _locks.setdefault(f"{parts.scheme} {parts.netloc} {parts.query}", threading.Lock())
    if not lock.acquire(timeout=timeout_s):
        raise Unavailable("The host does not answer.")
    try:
        yield _route(parts)
    finally:
        lock.release()


def _route(parts: SplitResult) -> Route:
    kind = transport_of(parts.geturl())
    if kind in ("ssh", "ext"):
        return ProcessRoute(parts.hostname or "")
    if kind == "unix":
        return SocketRoute(_unix_peers(parts))
    if kind in PORTS:
        return SocketRoute(_internet_peers(parts.hostname or "", parts.port or PORTS[kind]))
    return Route()


def _unix_peers(parts: SplitResult) -> frozenset[Hashable]:
    """Who listens there. Connecting to find out takes no answer, so a hung daemon does not hang us."""
    peers = set()
    for path in _unix_paths(parts):
        with suppress(FileNotFoundError), socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except BlockingIOError:
                raise Unavailable("The host does not answer.") from None  # its backlog is full
            except OSError:
                continue  # libvirt.open says it better
            peers.add(peer_of(probe))
    return frozenset(peers)


def _unix_paths(parts: SplitResult) -> list[str]:
    """Sockets that libvirt may choose: the one given, else the driver's own daemon or libvirtd."""
    if named := [value for name, value in parameters(parts.geturl()) if name == "socket"]:
        return named
    folder = "/run/libvirt"
    if parts.path == "/session":
        folder = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}") + "/libvirt"
    driver = parts.scheme.partition("+")[0]
    return [f"{folder}/virt{driver}d-sock", f"{folder}/libvirt-sock"]


def _internet_peers(host: str, port: int) -> frozenset[Hashable]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable("The host's name %(name)s has no address.", raw=str(error), name=host) from error
    return frozenset((entry[4][0], port) for entry in found)


def peer_of(connected: socket.socket) -> Hashable:
    """Who is at the other end: (address, port), or (path, pid of the listener) for a unix socket."""
    name = connected.getpeername()
    if connected.family != socket.AF_UNIX:
        return tuple(name[:2])
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return name, _UCRED.unpack(credentials)[0]
