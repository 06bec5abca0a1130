"""One host of a fleet of thousands: a small libvirtd with libvirt's test driver alone, on its own socket.

All connections see the same machines, an outsider can change them, and it can hang. It needs no root.
"""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import libvirt

from tests.lab import labs
from tests.lab.host import LabError, answers

NOBODY = 65534
CONF = """\
host_uuid = "{uuid}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_dir = "{directory}"
log_outputs = "2:file:{directory}/libvirtd.log"
"""


class TestFleetHost:
    """A host that is on inside `with`; it starts with the test driver's own machine, pool and network."""

    __test__ = False  # it is not a test, whatever its name tells pytest

    def __init__(self, listen: str = "") -> None:
        """`listen`: lines of libvirtd.conf with which it also listens to the network."""
        self._listen = listen
        self.lab_name = labs.new_name()
        self.directory = labs.directory_of(self.lab_name)
        self.socket = self.directory / "libvirt-sock"
        self.uri = f"test+unix:///default?socket={self.socket}"
        self._libvirtd: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        labs.sweep()
        self.directory.mkdir(mode=0o700)
        try:
            self._libvirtd = _start(self.directory, self._listen)
            self._wait(self._libvirtd)
            # The test driver forgets every machine when its last connection goes.
            self._keeper = libvirt.open(self.uri)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The daemon's."""
        return self._running.pid

    def hang(self) -> None:
        """Stop libvirtd where it is: its socket accepts, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """End a hang."""
        self._signal(signal.SIGCONT)

    def answers(self, timeout_s: float = 5) -> bool:
        """Whether libvirt answers a call within this time."""
        return answers(self.socket, timeout_s)

    def close(self) -> None:
        """Kill the daemon, hung or not, and remove its files. All its machines are forgotten."""
        if self._libvirtd is not None:
            self._libvirtd.kill()
            self._libvirtd.wait()
        labs.remove(self.lab_name)

    def _signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._libvirtd is None:
            raise LabError("this fleet host is off")
        return self._libvirtd

    def _wait(self, libvirtd: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        while not answers(self.socket, timeout_s=5):
            if libvirtd.poll() is not None or time.monotonic() > deadline:
                log = self.directory / "libvirtd.log"
                raise LabError(f"libvirtd does not answer: {log.read_text() if log.exists() else 'no log'}")
            time.sleep(0.005)


def _start(directory: Path, listen: str) -> subprocess.Popen[bytes]:
    """Start libvirtd with no driver to load: the test driver is part of the library itself."""
    conf, drivers = directory / "libvirtd.conf", directory / "drivers"
    conf.write_text(CONF.format(uuid=uuid4(), directory=directory) + listen)
    drivers.mkdir()
    home = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(directory))
    environment = {"PATH": labs.PATH, "LIBVIRT_DRIVER_DIR": str(drivers), **home}
    command = ["libvirtd", "--config", str(conf), "--pid-file", str(directory / "libvirtd.pid")]
    if listen:
        command.append("--listen")
    if os.geteuid() == 0:  # root's libvirtd writes to the machine's own /run/libvirt
        for path in (directory, conf, drivers):
            os.chown(path, NOBODY, NOBODY)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    null = subprocess.DEVNULL  # an orphan must not hold the pipes that its killed owner wrote to
    return subprocess.Popen(
        command, env=environment, stdin=null, stdout=null, stderr=null, start_new_session=True
    )
