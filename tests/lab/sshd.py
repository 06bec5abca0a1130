"""An ssh server of a lab host, reached from this machine: real sshd, real keys.

It listens at the host's address, where this machine has a way to that; else on a port of 127.0.0.1: it then
lives in the host's mounts, names and processes, but in this machine's network.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import labs
from tests.lab.host import LabError, LabHost

SSHD = shutil.which("sshd", path=labs.PATH)
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
UsePAM yes
AuthorizedKeysFile none
AuthorizedKeysCommand /bin/cat {folder}/authorized_keys
AuthorizedKeysCommandUser root
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
{more}
"""


class LabSshd:
    """On inside `with`. Anybody whom `authorize` let in may be any user of the host."""

    def __init__(self, host: LabHost, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.address: str = host.address or "127.0.0.1"
        self.port = 22 if host.address else _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.new_key()
        self.authorize("")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def uri(self, user: str = "root") -> str:
        """How Vrabec is told to go there."""
        return f"qemu+ssh://{user}@{self.address}:{self.port}/system"

    def new_key(self) -> None:
        """Give the host another key, as a new installation does."""
        for path in self.folder.glob("host_key*"):
            path.unlink()
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / "host_key"]
        subprocess.run(command, check=True)

    def fingerprint(self) -> str:
        """The host's key, as its administrator reads it there."""
        command = ["ssh-keygen", "-l", "-f", self.folder / "host_key.pub"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]

    def authorize(self, public_key: str) -> None:
        """Paste `public_key`: who has the other half may enter, as anybody."""
        (self.folder / "authorized_keys").write_text(public_key + "\n")

    def start(self, more: str = "") -> None:
        """Start it with `more` lines of configuration, and wait until it listens."""
        text = _CONFIG.format(address=self.address, port=self.port, folder=self.folder, more=more)
        (self.folder / "sshd_config").write_text(text)
        self.host.run("mkdir", "-p", "-m", "755", "/run/sshd")
        spaces = ["--mount", "--uts", "--pid", *(["--net"] if self.host.address else [])]
        enter = ["nsenter", f"--target={self.host.init_pid()}", *spaces, "--"]
        self._process = subprocess.Popen(
            [*enter, str(SSHD), "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"),
        )  # fmt: skip
        deadline = time.monotonic() + 10
        while not self._listens():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise LabError(f"sshd does not listen: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; sessions end, too."""
        if self._process is None:
            return
        for pid in self.host.pids("sshd"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._process = None
        deadline = time.monotonic() + 10
        while self._listens():  # the kernel closes what a killed process had open a moment after its end
            if time.monotonic() > deadline:
                raise LabError(f"port {self.port} still answers")
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.address, self.port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
