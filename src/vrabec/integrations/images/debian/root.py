"""The guest's root file system: made by mmdebstrap in namespaces, then put into an ext4 file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian.namespace import inside
from vrabec.integrations.images.debian.packages import INCLUDE
from vrabec.integrations.images.debian.sources import Sources, proxies
from vrabec.integrations.images.packages import unreachable
from vrabec.lib.errors import HostError, NoCapacity, VrabecError

UUID = "64656269-616e-4000-8000-000000000000"
NEED_MIB = 3 * 1024
_HERE = Path(__file__).parent
_STEPS = ("Unpacking ", "Setting up ")


@dataclass(frozen=True)
class Boot:
    """The boot loader's parts: boot sector and core for BIOS, one program for UEFI."""

    sector: bytes
    core: bytes
    efi: Path


def make(tools: Tools, sources: Sources, count: int, done: Callable[[float], None]) -> Path:
    """Install Debian into a folder; `done` is told the share of `count` packages that are set up."""
    root = tools.folder / "root"
    guest = tools.folder / "guest.list"
    guest.write_text(sources.guest)
    hook = f'sh "{_HERE}/finish.sh" "{_HERE}/guest" "{_HERE}/early.cfg" "{guest}" "$1"'
    # no --quiet: its lines tell how far it is; mode root, as it is root in its namespace
    command = ["mmdebstrap", "--verbose", "--mode=root", "--variant=minbase", f"--customize-hook={hook}"]
    command += [f"--include={','.join(INCLUDE)}", *(f"--aptopt={line}" for line in proxies(tools))]
    listed = tools.folder / "sources.list"
    try:
        tools.run(*inside(), *command, sources.suite, root, listed, watch=_Steps(count, done).hear)
    except HostError as error:
        raise _better(error, tools.folder) from error
    return root


class _Steps:
    """Counts what dpkg says of each package: unpacked, then set up."""

    def __init__(self, count: int, done: Callable[[float], None]) -> None:
        self._all = len(_STEPS) * count
        self._seen = 0
        self._done = done

    def hear(self, line: str) -> None:
        """One line of the log."""
        if line.startswith(_STEPS):
            self._seen += 1
            self._done(min(1.0, self._seen / self._all))


def _better(error: HostError, folder: Path) -> VrabecError:
    """The cause in words, where the log tells it."""
    if "No space left on device" in error.raw:
        return full(folder, error.raw)
    if "Failed to fetch" in error.raw or "Temporary failure resolving" in error.raw:
        found = unreachable()
        found.raw = error.raw
        return found
    return error


def full(folder: Path, raw: str = "") -> NoCapacity:
    """What to say when the controller's disk has no room."""
    return NoCapacity(
        "Building Debian needs %(need)s MiB free in %(folder)s on the controller, and there are %(free)s.",
        need=NEED_MIB, folder=str(folder.parent), free=shutil.disk_usage(folder.parent).free >> 20, raw=raw,
    )  # fmt: skip


def boot_parts(root: Path) -> Boot:
    """The boot loader that finish.sh made."""
    grub = root / "boot/grub"
    bios = grub / "i386-pc"
    sector, core = (bios / "boot.img").read_bytes(), (bios / "core.img").read_bytes()
    return Boot(sector, core, grub / "x86_64-efi/core.efi")


def file_system(tools: Tools, root: Path, size_mib: int) -> Path:
    """The root as an ext4 file system of this size, owners and all."""
    ext4 = tools.folder / "root.ext4"
    # boot loaders of Debian 12 read neither of these two
    features = "^metadata_csum_seed,^orphan_file"
    options = f"root_owner=0:0,nodiscard,hash_seed={UUID}"
    tools.run(
        *inside(), "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L", "debian", "-U", UUID,
        "-O", features, "-E", options, "-d", root, ext4, f"{size_mib}m",
    )  # fmt: skip
    return ext4


def remove(tools: Tools, root: Path) -> None:
    """Remove a root: files in it belong to users that only its namespace has."""
    tools.run(*inside(), "rm", "-rf", "--one-file-system", root)
