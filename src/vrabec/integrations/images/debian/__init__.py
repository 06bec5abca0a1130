"""Builds Debian templates: cloud kernel, systemd, cloud-init, openssh and the guest agent, by mmdebstrap.

They boot from their own disk by BIOS and by UEFI; apt keeps them up to date like any Debian.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian import disk, namespace, packages, root, sources
from vrabec.integrations.images.packages import Package
from vrabec.integrations.images.store import Image, Progress, alone, keep, key, read_image

__all__ = ["PACKAGES", "SUITES", "build", "lacking"]

PACKAGES = ("dpkg", "e2fsprogs", "mmdebstrap", "mtools", "qemu-utils", "uidmap")
"""What the controller must have installed, besides apt itself (names of Debian packages)."""

SUITES = ("bookworm", "trixie")
_TEMPORARY = ".debian-build-"
_INSTALL_FROM, _INSTALL_TO = 10, 75


def lacking() -> str:
    """Why the controller cannot build Debian, with what to do; "" when it can."""
    problem = namespace.lacking(PACKAGES)
    return problem.message if problem else ""


def build(suite: str, directory: Path, progress: Progress, cancelled: Callable[[], bool]) -> Image:
    """Build <directory>/debian-<suite>-<key>.qcow2, or return the one that is there; needs no root.

    The key is a hash of this package's files, of the exact versions of Debian's packages as the mirrors have
    them now, and of the mirrors that machines are told. Raises HostError (a tool is missing or failed),
    Unavailable (no mirror answers), NoCapacity (the disk is full) and Cancelled.
    """
    directory = directory.absolute()  # the tools run in a folder of their own
    directory.mkdir(parents=True, exist_ok=True)
    tools = Tools(directory, cancelled, PACKAGES)
    namespace.require(tools)
    with alone(directory / ".debian-lock", tools):
        # what a killed build left; the lock says that nobody works there
        for left in directory.glob(f"{_TEMPORARY}*"):
            root.remove(tools, left)
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=directory))
        try:
            return _Build(suite, directory, Tools(folder, cancelled, PACKAGES), progress).run()
        finally:
            root.remove(Tools(directory, lambda: False, PACKAGES), folder)


@dataclass(frozen=True)
class _Build:
    suite: str
    directory: Path
    tools: Tools
    progress: Progress

    def run(self) -> Image:
        self.progress(0, "looking at Debian's packages")
        found = sources.find(self.tools, self.suite)
        wanted = packages.resolve(self.tools, self.directory / f".debian-{self.suite}-apt", found)
        target = self._target(wanted, found)
        if not target.exists():
            self._make(target, found, len(wanted))
        self.progress(100, "done")
        return read_image(target)

    def _make(self, target: Path, found: sources.Sources, count: int) -> None:
        if shutil.disk_usage(self.directory).free < root.NEED_MIB << 20:
            raise root.full(self.tools.folder)
        self.progress(_INSTALL_FROM, "installing Debian")
        tree = root.make(self.tools, found, count, self._installed)
        self.progress(_INSTALL_TO, "writing the disk")
        file_system = root.file_system(self.tools, tree, disk.ROOT_MIB)
        raw = disk.write(self.tools, root.boot_parts(tree), file_system)
        self.progress(85, "writing the qcow2 file")
        result = self.tools.folder / "debian.qcow2"
        compressed = ("-c", "-W", "-o", "compression_type=zstd")
        self.tools.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", *compressed, raw, result)
        keep(self.tools, result, target)

    def _installed(self, share: float) -> None:
        percent = _INSTALL_FROM + share * (_INSTALL_TO - _INSTALL_FROM)
        self.progress(int(percent), "installing Debian")

    def _target(self, wanted: tuple[Package, ...], found: sources.Sources) -> Path:
        name = key(Path(__file__).parent, wanted, found.guest)
        return self.directory / f"debian-{self.suite}-{name}.qcow2"
