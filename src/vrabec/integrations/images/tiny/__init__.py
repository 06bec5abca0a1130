"""Builds `tiny`: a demonstration guest out of Debian's cloud kernel, busybox, the guest agent and dropbear.

It boots from its own disk by BIOS in seconds, also under plain emulation; its root is memory, /data is kept.
What it is and is not: docs/explanation/tiny.md.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.packages import Package
from vrabec.integrations.images.store import Image, Progress, alone, keep, key, read_image
from vrabec.integrations.images.tiny import disk, guest
from vrabec.integrations.images.tiny.packages import Apt, unpack
from vrabec.lib.errors import Unavailable

__all__ = ["PACKAGES", "Image", "build"]

PACKAGES = ("dpkg", "e2fsprogs", "lz4", "mtools", "qemu-utils", "syslinux", "syslinux-common")
"""What the controller must have installed, besides apt itself (names of Debian packages)."""

_STATE = ".tiny-apt"
_TEMPORARY = ".tiny-build-"


def build(directory: Path, progress: Progress, cancelled: Callable[[], bool]) -> Image:
    """Build <directory>/tiny-<key>.qcow2, or return the one that is there; needs no root.

    The key is a hash of this package's files and of the exact versions of Debian's packages. Raises HostError
    (a tool is missing or failed), Unavailable (Debian's registry does not answer) and Cancelled.
    """
    directory = directory.absolute()  # the tools run in a folder of their own
    directory.mkdir(parents=True, exist_ok=True)
    with alone(directory / ".tiny-lock", Tools(directory, cancelled, PACKAGES)):
        _clean(directory)
        with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=directory) as folder:
            return _Build(directory, Tools(Path(folder), cancelled, PACKAGES), progress).run()


@dataclass(frozen=True)
class _Build:
    directory: Path
    tools: Tools
    progress: Progress

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
        keep(self.tools, result, target)

    def _target(self, packages: tuple[Package, ...]) -> Path:
        return self.directory / f"tiny-{key(Path(__file__).parent, packages)}.qcow2"

    def _done(self, packages: tuple[Package, ...]) -> Image:
        self.progress(100, "done")
        return read_image(self._target(packages))


def _clean(directory: Path) -> None:
    """Remove what a killed build left; the lock says that nobody works there."""
    for path in directory.glob(f"{_TEMPORARY}*"):
        shutil.rmtree(path, ignore_errors=True)
