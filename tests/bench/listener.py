"""An independent ear on a host: a process with its own connection that says what it hears, and when.

`python -m tests.bench.listener URI` prints a line an event: CLOCK_MONOTONIC in ns, what, machine.
"""

import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

import libvirt

from tests.e2e.controller import REPOSITORY

STARTED, READY = "started", "ready"
_LINE_BUFFERED = 1


class Listener:
    """The process, and when each machine's events came: in milliseconds of CLOCK_MONOTONIC."""

    def __init__(self, uri: str) -> None:
        command = [sys.executable, "-m", "tests.bench.listener", uri]
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=_LINE_BUFFERED,
            start_new_session=True,
        )
        self._heard: dict[tuple[str, str], float] = {}
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="listener", daemon=True)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "listening\n":
            raise RuntimeError("the listener does not listen")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def wait(self, names: list[str], what: str, timeout_s: float) -> dict[str, float]:
        """When each of these machines was first heard to be `what`; late ones are missing."""
        with self._news:
            self._news.wait_for(lambda: all((name, what) in self._heard for name in names), timeout_s)
            return {name: self._heard[name, what] for name in names if (name, what) in self._heard}

    def _read(self) -> None:
        for line in self._process.stdout or ():
            at_ns, what, name = line.split()
            with self._news:
                self._heard.setdefault((name, what), int(at_ns) / 1e6)
                self._news.notify_all()


def _say(name: str, what: str) -> None:
    print(time.monotonic_ns(), what, name, flush=True)


def _on_lifecycle(_raw: Any, domain: Any, event: int, _detail: int, _opaque: None) -> None:
    if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
        _say(domain.name(), STARTED)


def _on_agent(_raw: Any, domain: Any, state: int, _reason: int, _opaque: None) -> None:
    if state == libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED:
        _say(domain.name(), READY)


def listen(uri: str) -> None:
    """Print what the host says until killed."""
    libvirt.virEventRegisterDefaultImpl()
    raw = libvirt.open(uri)
    raw.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _on_lifecycle, None)
    raw.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, _on_agent, None)
    print("listening", flush=True)
    while raw.isAlive():
        libvirt.virEventRunDefaultImpl()


if __name__ == "__main__":
    listen(sys.argv[1])
