"""Catching a create in its middle: libvirtd is stopped the moment something of the machine is on the host."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.e2e.waiting import PATIENCE_SECONDS
from tests.lab import LabHost

LOOK_SECONDS = 0.0005
MOMENTS = {
    "template": "lib/images/vrabec/template-*",
    "disk": "lib/images/vrabec/main.*.qcow2",
    "seed": "lib/images/vrabec/main.*-seed.iso",
    "definition": "etc/qemu/main.*.xml",
    "process": "lib/qemu/domain-*-main.*/monitor.sock",
}
"""What a create puts on a host, in this order, as files below the host's folder."""


class Frozen:
    """Says when libvirtd has been stopped."""

    def __init__(self) -> None:
        self._event = Event()
        self.given_up = False

    def set(self) -> None:
        """It has been."""
        self._event.set()

    def wait(self) -> None:
        """Until it has been."""
        assert self._event.wait(PATIENCE_SECONDS), "the moment did not come"


@contextmanager
def frozen_at(host: LabHost, moment: str) -> Iterator[Frozen]:
    """Stop libvirtd when what `moment` names appears on its host; it goes on at the end, if it lives."""
    assert not any(host.directory.glob(MOMENTS[moment])), "the moment is over already"
    [libvirtd] = host.pids("libvirtd")
    frozen = Frozen()

    def watch() -> None:
        while not frozen.given_up:
            if any(host.directory.glob(MOMENTS[moment])) and _stop(host, libvirtd):
                return frozen.set()
            time.sleep(LOOK_SECONDS)
        return None

    watcher = Thread(target=watch, name=f"watch for the {moment}")
    watcher.start()
    try:
        yield frozen
    finally:
        frozen.given_up = True
        watcher.join()
        host.resume()


def _stop(host: LabHost, libvirtd: int) -> bool:
    """Stop libvirtd; not where it has written down that a machine starts, but not yet its process.

    Killed there, libvirt 9.0 keeps that machine locked until its host restarts: nobody can undo that.
    """
    os.kill(libvirtd, signal.SIGSTOP)
    while Path(f"/proc/{libvirtd}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(LOOK_SECONDS)
    written = [path.read_text() for path in host.directory.glob("run/libvirt/qemu/main.*.xml")]
    if any("pid='0'" in status for status in written):
        os.kill(libvirtd, signal.SIGCONT)
        return False
    return True
