"""One door to the tools a build runs: every call can be cancelled, and says what to do when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vrabec.lib.errors import Cancelled, HostError, VrabecError

PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
"""A service's own may lack sbin, where Debian keeps mke2fs."""

_POLL_SECONDS = 0.2
_MOST_BYTES = 1 << 16
_MOST_RAW = 4000
_ENVIRONMENT = {
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    # mtools and mke2fs write this time, so that the same recipe and packages are the same bytes
    "SOURCE_DATE_EPOCH": "946684800",
    "E2FSPROGS_FAKE_TIME": "946684800",
}


@dataclass(frozen=True)
class Tools:
    """Runs tools in `folder`, asks `cancelled` while it waits; `packages` is what to install for them."""

    folder: Path
    cancelled: Callable[[], bool]
    packages: tuple[str, ...]

    def check(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        if self.cancelled():
            raise Cancelled("The image build was cancelled")

    def run(
        self,
        *command: str | Path,
        failure: VrabecError | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> str:
        """Run one tool to its end and return its output; `failure` is raised, with stderr, when it fails.

        `watch` is given each line of stderr, where tools say how far they are, soon after it was written.
        """
        self.check()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = self._wait(self._start(command, out, err), _Reader(err.fileno(), watch))
            out.seek(0)
            err.seek(0)
            if code == 0:
                return out.read().decode(errors="replace")
            error = failure or _failed(str(command[0]), code)
            error.raw = err.read().decode(errors="replace").strip()[-_MOST_RAW:]
            raise error

    def _start(
        self, command: Sequence[str | Path], out: IO[bytes], err: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **_ENVIRONMENT, "PATH": PATH}
        try:
            return subprocess.Popen(
                [str(word) for word in command], cwd=self.folder, env=environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise HostError(
                "The controller has no %(tool)s: install the packages %(packages)s",
                tool=str(command[0]), packages=" ".join(self.packages),
            ) from error  # fmt: skip

    def _wait(self, process: subprocess.Popen[bytes], reader: _Reader) -> int:
        try:
            while True:
                try:
                    return process.wait(timeout=_POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    self.check()
                    reader.read()
        finally:
            # apt works through children of its own: end the whole group, also when we leave by an exception
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class _Reader:
    """Reads what a running tool writes into a file, from where it stopped before."""

    def __init__(self, file: int, watch: Callable[[str], None] | None) -> None:
        self._file = file
        self._watch = watch
        self._position = 0

    def read(self) -> None:
        """Hand out the lines that are whole by now; the tool's own place in the file stays."""
        while self._watch and (data := os.pread(self._file, _MOST_BYTES, self._position)):
            whole = data.rpartition(b"\n")[0] if b"\n" in data else data
            self._position += len(whole) + (b"\n" in data)
            for line in whole.decode(errors="replace").splitlines():
                self._watch(line)


def _failed(tool: str, code: int) -> HostError:
    return HostError("%(tool)s failed on the controller with exit code %(code)s", tool=tool, code=code)
