"""Debian's packages for the guest: found in apt's indexes, downloaded and unpacked, all without root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.packages import Package, apt_get, parse, unreachable
from vrabec.lib.errors import HostError, VrabecError

ROOTS = ("linux-image-cloud-amd64", "busybox-static", "qemu-guest-agent", "dropbear-bin", "e2fsprogs")
_KERNEL = "linux-image-"
_SYSTEM_LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Apt:
    """apt-get on indexes of our own choice: the system's, or newer ones in `state`."""

    tools: Tools
    state: Path

    def resolve(self) -> tuple[Package, ...]:
        """The packages a guest is made of, dependencies included, in the versions apt would install now."""
        if not _has_indexes(self._lists()):
            self.update()
        output = self._get(
            "install", "--no-install-recommends", "--print-uris", *ROOTS,
            failure=HostError("apt does not know the guest's packages: check the controller's apt sources"),
        )  # fmt: skip
        found = {package for line in output.splitlines() if (package := parse(line))}
        return tuple(sorted((p for p in found if _is_wanted(p.name)), key=lambda package: package.name))

    def update(self) -> None:
        """Fetch fresh indexes into `state`; the system's own stay as they are."""
        (self.state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        self._get("update", failure=unreachable(), lists=self.state / "lists")

    def download(self, packages: tuple[Package, ...]) -> None:
        """Download into the tools' folder. Raises Unavailable; apt has checked the signatures and hashes."""
        names = [f"{package.name}={package.version}" for package in packages]
        self._get("download", *names, failure=unreachable())

    def _lists(self) -> Path:
        own = self.state / "lists"
        newer = _has_indexes(own) and own.stat().st_mtime > _SYSTEM_LISTS.stat().st_mtime
        return own if newer else _SYSTEM_LISTS

    def _get(self, *words: str, failure: VrabecError, lists: Path | None = None) -> str:
        where = {"Dir::State::Lists": f"{lists or self._lists()}/"}
        return apt_get(self.tools, self.state, where, *words, failure=failure)


def unpack(tools: Tools, root: Path) -> None:
    """Unpack every downloaded package of the tools' folder into `root`."""
    for archive in sorted(tools.folder.glob("*.deb")):
        tools.run("dpkg-deb", "-x", archive, root)


def _has_indexes(lists: Path) -> bool:
    return any(lists.glob("*_Packages*"))


def _is_wanted(name: str) -> bool:
    """Of the dependencies only libraries; and the kernel's real package instead of the one that names it."""
    return name in ROOTS[1:] or (name != ROOTS[0] and name.startswith(("lib", "zlib", _KERNEL)))
