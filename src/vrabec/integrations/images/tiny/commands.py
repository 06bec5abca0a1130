"""One door to the tools a build runs: every call can be cancelled, and says what to do when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vrabec.lib.errors import Cancelled, HostError, VrabecError

PACKAGES = ("dpkg", "e2fsprogs", "lz4", "mtools", "qemu-utils", "syslinux", "syslinux-common")
"""What the controller must have installed, besides apt itself (names of Debian packages)."""

_POLL_SECONDS = 0.2
_CLOCK = {"SOURCE_DATE_EPOCH": "946684800", "E2FSPROGS_FAKE_TIME": "946684800"}
"""mtools and mke2fs write this time, so that the same recipe and packages are the same bytes."""


@dataclass(frozen=True)
class Tools:
    """Runs tools in `folder`, asks `cancelled` while it waits."""

    folder: Path
    cancelled: Callable[[], bool]

    def check(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        if self.cancelled():
            raise Cancelled("The image build was cancelled")

    def run(self, *command: str | Path, failure: VrabecError | None = None) -> str:
        """Run one tool to its end and return its output; `failure` is raised, with stderr, when it fails."""
        self.check()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._wait(_start(command, self.folder, out.fileno(), err.fileno()))
            out.seek(0)
            err.seek(0)
            if code == 0:
                return out.read().decode(errors="replace")
            error = failure or _failed(str(command[0]), code)
            error.raw = err.read().decode(errors="replace").strip()
            raise error

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        try:
            while True:
                try:
                    return process.wait(timeout=_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    self.check()
        finally:
            # apt works through children of its own: end the whole group, also when we leave by an exception
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _start(command: Sequence[str | Path], folder: Path, out: int, err: int) -> subprocess.Popen[bytes]:
    # a service's PATH may lack sbin, where Debian keeps mke2fs
    path = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    environment = {**os.environ, "LC_ALL": "C", "PATH": path, "DEBIAN_FRONTEND": "noninteractive", **_CLOCK}
    try:
        return subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise HostError(
            "The controller has no %(tool)s: install the packages %(packages)s",
            tool=str(command[0]), packages=" ".join(PACKAGES),
        ) from error  # fmt: skip


def _failed(tool: str, code: int) -> HostError:
    return HostError("%(tool)s failed on the controller with exit code %(code)s", tool=tool, code=code)
