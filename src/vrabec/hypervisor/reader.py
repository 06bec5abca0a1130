"""Reads whole hosts in processes of their own, each on a connection of its own.

In the engine the threads of all hosts share Python's lock: they keep one core busy and each other waiting.
And libvirt's calls take more CPU beside its event loop, which a process that only reads does without.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection
from threading import Lock, Thread

from vrabec.hypervisor import domains
from vrabec.hypervisor.connection import HostConnection, forget_errors, open_silent
from vrabec.hypervisor.spec import Known, Look
from vrabec.lib.errors import Unavailable, VrabecError

BATCH_S = 0.02
"""So often a reader tells what it has; between two answers the host is waited for."""
LIMIT_S = 120.0
"""A host that answers others, but not its reader for so long, is connected anew."""
IDLE_S = 10.0
"""After this long without work a reader ends: it takes 20 MB."""
_LOOK_S = 1.0


class Readers:
    """The processes: as many as hosts are read at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[_Reader] = []
        """The last one was used last, so that one that is not needed gets old."""

    def looks(self, host: HostConnection, known: Mapping[str, Known]) -> Iterator[Look]:
        """As `domains.looks`. Raises Unavailable as soon as the connection `host` is lost, too."""
        if host.is_within:
            yield from domains.looks(host, known)
            return
        with self._one() as reader:
            yield from reader.looks(host, known)

    def end_idle(self, after_s: float = IDLE_S) -> None:
        """End those that had no work for so long; called now and then."""
        with self._lock:
            old = [one for one in self._idle if time.monotonic() - one.idle_since >= after_s]
            self._idle = [one for one in self._idle if one not in old]
        for reader in old:
            reader.end()

    @contextmanager
    def _one(self) -> Iterator[_Reader]:
        """One for a single host; whoever is interrupted ends it, for it may hang."""
        with self._lock:
            reader = self._idle.pop() if self._idle else None
        reader = reader or _Reader()
        with ExitStack() as interrupted:
            interrupted.callback(reader.end)
            yield reader
            interrupted.pop_all()
        reader.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(reader)


class _Reader:
    """One process. It ends with this one: its standard input does."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            # In a group of its own, for the ssh that libvirt starts in it must end with it.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()], process_group=0
            )
        self._channel = Connection(ours.detach())
        self.idle_since = time.monotonic()

    def looks(self, host: HostConnection, known: Mapping[str, Known]) -> Iterator[Look]:
        """What the process finds, as it comes."""
        try:
            self._channel.send((host.uri, known))
            while (found := self._answer(host)) is not None:
                yield from found
        except (EOFError, OSError) as error:
            raise Unavailable("Reading the host's machines broke off.", raw=repr(error)) from error

    def _answer(self, host: HostConnection) -> list[Look] | None:
        with host.waiting():
            for _ in range(int(LIMIT_S / _LOOK_S)):
                if self._channel.poll(_LOOK_S):
                    break
                if not host.is_alive():
                    raise Unavailable("The host does not answer.")
            else:
                raise Unavailable("The host does not answer.")
        answer: list[Look] | VrabecError | None = self._channel.recv()
        if isinstance(answer, VrabecError):
            raise answer
        return answer

    def end(self) -> None:
        """Kill it: it has nothing to lose."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        self._channel.close()


def _serve(channel: Connection) -> None:
    """Read one host after another, until who asks has gone."""
    with suppress(EOFError):
        while True:
            uri, known = channel.recv()
            try:
                with open_silent(uri) as host:
                    for batch in _batches(domains.looks(host, known)):
                        channel.send(batch)
                channel.send(None)
            except VrabecError as error:
                channel.send(error)


def _batches(found: Iterable[Look]) -> Iterator[list[Look]]:
    batch: list[Look] = []
    due = time.monotonic() + BATCH_S
    for one in found:
        batch.append(one)
        if time.monotonic() >= due:
            yield batch
            batch = []
            due = time.monotonic() + BATCH_S
    yield batch


def _end_with_parent() -> None:
    """Also in the middle of a call to a host that hangs."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    Thread(target=_end_with_parent, daemon=True).start()
    forget_errors()
    _serve(Connection(int(sys.argv[1])))
