"""Debian's packages for the guest: found in apt's indexes, downloaded and unpacked, all without root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from vrabec.integrations.images.tiny.commands import Tools
from vrabec.lib.errors import HostError, Unavailable, VrabecError

ROOTS = ("linux-image-cloud-amd64", "busybox-static", "qemu-guest-agent", "dropbear-bin", "e2fsprogs")
_KERNEL = "linux-image-"
_SYSTEM_LISTS = Path("/var/lib/apt/lists")


@dataclass(frozen=True)
class Package:
    """One package in one exact version."""

    name: str
    version: str


@dataclass(frozen=True)
class Apt:
    """apt-get on indexes of our own choice: the system's, or newer ones in `state`."""

    tools: Tools
    state: Path

    def resolve(self) -> tuple[Package, ...]:
        """The packages a guest is made of, dependencies included, in the versions apt would install now."""
        if not _has_indexes(self._lists()):
            self.update()
        # on a machine that has nothing installed yet (status=/dev/null), so that libraries are listed too
        output = self._get(
            "install", "--no-install-recommends", "--print-uris", *ROOTS,
            failure=HostError("apt does not know the guest's packages: check the controller's apt sources"),
        )  # fmt: skip
        found = {package for line in output.splitlines() if (package := parse(line))}
        return tuple(sorted((p for p in found if _is_wanted(p.name)), key=lambda package: package.name))

    def update(self) -> None:
        """Fetch fresh indexes into `state`; the system's own stay as they are."""
        (self.state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        self._get("update", failure=_unreachable(), lists=self.state / "lists")

    def download(self, packages: tuple[Package, ...]) -> None:
        """Download into the tools' folder. Raises Unavailable; apt has checked the signatures and hashes."""
        names = [f"{package.name}={package.version}" for package in packages]
        self._get("download", *names, failure=_unreachable())

    def _lists(self) -> Path:
        own = self.state / "lists"
        newer = _has_indexes(own) and own.stat().st_mtime > _SYSTEM_LISTS.stat().st_mtime
        return own if newer else _SYSTEM_LISTS

    def _get(self, *words: str, failure: VrabecError, lists: Path | None = None) -> str:
        self.state.mkdir(parents=True, exist_ok=True)
        options = {
            "Dir::State::Lists": f"{lists or self._lists()}/",
            "Dir::State::status": "/dev/null",
            "Dir::State::extended_states": f"{self.state}/extended_states",
            "Dir::Cache": f"{self.state}/",
            "Dir::Cache::archives": f"{self.tools.folder}/archives/",
            "Dir::Cache::pkgcache": "pkgcache.bin",  # so that the next look takes half a second
            "Dir::Cache::srcpkgcache": "",
            "Debug::NoLocking": "1",
            "APT::Architecture": "amd64",
            # as root apt would hand the download to a user who may not enter our folder
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        }
        arguments = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return self.tools.run("apt-get", "-qq", "-y", *arguments, *words, failure=failure)


def unpack(tools: Tools, root: Path) -> None:
    """Unpack every downloaded package of the tools' folder into `root`."""
    for archive in sorted(tools.folder.glob("*.deb")):
        tools.run("dpkg-deb", "-x", archive, root)


def _unreachable() -> Unavailable:
    return Unavailable("The controller cannot download Debian packages: check its network and apt sources")


def _has_indexes(lists: Path) -> bool:
    return any(lists.glob("*_Packages*"))


def parse(line: str) -> Package | None:
    """A line of --print-uris is: 'address' name_version_architecture.deb size hash."""
    words = line.split()
    if len(words) < 3 or not words[1].endswith(".deb"):
        return None
    name, version, _ = words[1].split("_", 2)
    return Package(name, unquote(version))


def _is_wanted(name: str) -> bool:
    """Of the dependencies only libraries; and the kernel's real package instead of the one that names it."""
    return name in ROOTS[1:] or (name != ROOTS[0] and name.startswith(("lib", "zlib", _KERNEL)))
