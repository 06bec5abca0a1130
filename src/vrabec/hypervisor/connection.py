"""Connections to hosts that cannot hang the caller for ever.

Keep-alive ends a hung call after 20 s, but neither an open nor a close (libvirt 9.0): a watchdog cuts the
line under those. Two calls in flight to a hung host crash the process when it wakes (libvirt 9.0), so a
connection lets one through at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import libvirt

from vrabec.hypervisor import transport
from vrabec.hypervisor.errors import translate, translated
from vrabec.lib.errors import HostError, Unavailable

KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_COUNT = 3
HUNG_CALL_LIMIT_S = 20
"""After this long a call to a hung host has failed: interval x (count + 1)."""
LEAST = 6_000_000
"""libvirt 6.0: the oldest that keeps what a migration came to until it was asked (migrate.py).

Older ones than 9.0 were not tried.
"""

_started = threading.Lock()
_loop: threading.Thread | None = None


class HostConnection:
    """An open connection: closed by `with` or `close()`. Use `calling()` for every call to libvirt.

    `waiting_since` is when somebody began to wait for the host (time.monotonic()), None when nobody does.
    """

    def __init__(
        self, uri: str, raw: libvirt.virConnect, line: transport.Line | None, limit_s: float
    ) -> None:
        self.uri = uri
        self.waiting_since: float | None = None
        self._raw: libvirt.virConnect | None = raw
        self._line = line
        self._limit_s = limit_s
        self._lock = threading.RLock()
        self._before_close: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def raw(self) -> Any:
        """The object of libvirt's binding. Raises Unavailable once closed."""
        if self._raw is None:
            raise Unavailable("The connection to the host is closed.")
        return self._raw

    @property
    def is_within(self) -> bool:
        """Whether the machines are in this process, as those of `test:///` are, or no line is known."""
        return self._line is None

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the host is waited for, by a call or otherwise."""
        self.waiting_since = time.monotonic()
        try:
            yield
        finally:
            self.waiting_since = None

    @contextmanager
    def calling(self) -> Iterator[Any]:
        """The binding's object for the length of a call or a few: nobody else calls meanwhile.

        Raises our errors instead of libvirt's.
        """
        with self._lock, translated(), self.waiting():
            yield self.raw

    def is_alive(self) -> bool:
        """Whether the line still stands. Asks nobody, never hangs; a hang is seen after 20 s."""
        with suppress(libvirt.libvirtError):
            return self._raw is not None and bool(self._raw.isAlive())
        return False

    def before_close(self, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` once: when what is returned is called, at the latest before the connection closes.

        A registered callback holds a reference, and libvirt closes with the last of them.
        """

        def once() -> None:
            with suppress(ValueError):
                self._before_close.remove(action)
                action()

        self._before_close.append(action)
        return once

    def close(self) -> None:
        """Close; on a hung host within twice the limit of `open_host`. Closing again does nothing."""
        with _cut_after(self._limit_s, self._cut), ExitStack() as stack:
            if not self._lock.acquire(timeout=self._limit_s):
                self._cut()  # ends the call in flight, which then gives the lock back
                self._lock.acquire()
            stack.callback(self._lock.release)
            while self._before_close:
                self._before_close.pop()()
            raw, self._raw = self._raw, None
            if raw is None:
                return
            with suppress(libvirt.libvirtError):
                raw.close()
            if self._line:
                self._line.release()

    def _cut(self) -> None:
        if self._line:
            self._line.cut()


def open_host(uri: str, *, timeout_s: float = 10) -> HostConnection:
    """Connect to a host's libvirt.

    Raises Unavailable when it refuses, or does not answer within `timeout_s`; HostError for one too old.
    """
    start_event_loop()
    return open_silent(uri, timeout_s=timeout_s)


def open_silent(uri: str, *, timeout_s: float = 10) -> HostConnection:
    """As `open_host`, where no loop was started: no events come, and no keep-alive ends a call that hangs."""
    deadline = time.monotonic() + timeout_s
    with transport.opening(uri, timeout_s) as route:
        cut = _Once(route.cut_new)
        with _cut_after(deadline - time.monotonic(), cut):
            raw = _open(uri, cut)
        return HostConnection(uri, raw, route.take_new(), timeout_s)


def _open(uri: str, cut: _Once) -> libvirt.virConnect:
    try:
        raw = libvirt.open(uri)
        # The test driver inside this process has no line to keep alive: libvirt says it cannot.
        with suppress(libvirt.libvirtError):
            raw.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
        version = raw.getLibVersion()
        if version < LEAST:
            raw.close()
    except libvirt.libvirtError as error:
        if cut.done:
            raise Unavailable("The host does not answer.", raw=str(error)) from error
        raise translate(error) from error
    if version < LEAST:
        raise HostError(
            "Its libvirt is too old: it is %(has)s, and must be %(least)s or newer. Upgrade that host.",
            has=version_text(version),
            least=version_text(LEAST),
        )
    return raw


def version_text(number: int) -> str:
    """A version as people write it: libvirt's 9000000 is 9.0.0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


class _Once:
    """Remembers whether the watchdog bit."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self.done = False

    def __call__(self) -> None:
        self.done = True
        self._action()


@contextmanager
def _cut_after(limit_s: float, cut: Callable[[], None]) -> Iterator[None]:
    """The watchdog: `cut` runs if the body takes longer than this."""
    timer = threading.Timer(max(limit_s, 0.01), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def forget_errors() -> None:
    """Without a handler libvirt prints every error to stderr."""
    libvirt.registerErrorHandler(lambda context, error: None, None)


def start_event_loop() -> None:
    """Start libvirt's event loop in a thread, once a process: keep-alive and events need it."""
    global _loop  # noqa: PLW0603 - libvirt's loop is one a process, too
    with _started:
        if _loop is None:
            forget_errors()
            libvirt.virEventRegisterDefaultImpl()
            _loop = threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True)
            _loop.start()


def _run_event_loop() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            time.sleep(0.1)  # poll(2) failed; do not spin on it
