"""Builds `tiny`: a demonstration guest out of Debian's cloud kernel, busybox, the guest agent and dropbear.

It boots from its own disk by BIOS in seconds, also under plain emulation; its root is memory, /data is kept.
What it is and is not: docs/explanation/tiny.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.tiny import disk, guest
from vrabec.integrations.images.tiny.commands import PACKAGES, Tools
from vrabec.integrations.images.tiny.packages import Apt, Package, unpack
from vrabec.lib.errors import Unavailable

__all__ = ["PACKAGES", "Image", "build"]

_STATE = ".tiny-apt"
_TEMPORARY = ".tiny-build-"


@dataclass(frozen=True)
class Image:
    """A finished qcow2 file."""

    path: Path
    sha256: str
    size_bytes: int
    virtual_size_bytes: int


def build(directory: Path, progress: Callable[[int, str], None], cancelled: Callable[[], bool]) -> Image:
    """Build <directory>/tiny-<key>.qcow2, or return the one that is there; needs no root.

    The key is a hash of this package's files and of the exact versions of Debian's packages. Raises HostError
    (a tool is missing or failed), Unavailable (Debian's registry does not answer) and Cancelled.
    """
    directory = directory.absolute()  # the tools run in a folder of their own
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory, Tools(directory, cancelled)):
        _clean(directory)
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=directory) as folder:
            return _Build(directory, Tools(Path(folder), cancelled), progress).run()


@dataclass(frozen=True)
class _Build:
    directory: Path
    tools: Tools
    progress: Callable[[int, str], None]

    def run(self) -> Image:
        self.progress(0, "looking at Debian's packages")
        apt = Apt(self.tools, self.directory / _STATE)
        packages = apt.resolve()
        if self._target(packages).exists():
            return self._done(packages)
        self.progress(10, "downloading packages")
        packages = self._download(apt, packages)
        if not self._target(packages).exists():
            self._make(self._target(packages))
        return self._done(packages)

    def _download(self, apt: Apt, packages: tuple[Package, ...]) -> tuple[Package, ...]:
        try:
            apt.download(packages)
        except Unavailable:
            # the system's indexes may name versions that the registry has replaced since: look again, once
            apt.update()
            packages = apt.resolve()
            if not self._target(packages).exists():
                apt.download(packages)
        return packages

    def _make(self, target: Path) -> None:
        root = self.tools.folder / "root"
        self.progress(40, "unpacking packages")
        unpack(self.tools, root)
        self.progress(60, "putting the guest together")
        content = disk.Content(guest.kernel(root), guest.initramfs(self.tools, root))
        self.progress(70, "writing the disk")
        raw = disk.write(self.tools, content)
        self.progress(85, "writing the qcow2 file")
        result = self.tools.folder / "tiny.qcow2"
        # not with -c: the boot loader reads in small pieces, and QEMU would unpack each cluster many times
        # over (0.9 s more CPU a boot); kernel and initramfs are compressed in themselves
        self.tools.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, result)
        with result.open("rb") as file:
            os.fsync(file.fileno())
        self.tools.check()
        os.replace(result, target)

    def _target(self, packages: tuple[Package, ...]) -> Path:
        return self.directory / f"tiny-{key(packages)}.qcow2"

    def _done(self, packages: tuple[Package, ...]) -> Image:
        self.progress(100, "done")
        return _image(self._target(packages))


def key(packages: tuple[Package, ...]) -> str:
    """Twelve hexadecimal digits that stand for the recipe and the packages."""
    here = Path(__file__).parent
    digest = hashlib.sha256(json.dumps([[p.name, p.version] for p in packages]).encode())
    for path in sorted(p for p in here.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"\0{path.relative_to(here)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _image(path: Path) -> Image:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(24)  # the qcow2 header's virtual size, big-endian
        [virtual_size_bytes] = struct.unpack(">Q", file.read(8))
    return Image(path, sha256, path.stat().st_size, virtual_size_bytes)


@contextmanager
def _alone(directory: Path, tools: Tools) -> Iterator[None]:
    """One build at a time in a directory: the second finds the first one's image. The lock dies with us."""
    with (directory / ".tiny-lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                tools.check()
                time.sleep(0.2)
        yield


def _clean(directory: Path) -> None:
    """Remove what a killed build left; the lock says that nobody works there."""
    for path in directory.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)
