"""Debian's packages as apt names them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from vrabec.integrations.images.commands import Tools
from vrabec.lib.errors import Unavailable, VrabecError


@dataclass(frozen=True)
class Package:
    """One package in one exact version."""

    name: str
    version: str


def parse(line: str) -> Package | None:
    """A line of --print-uris is: 'address' name_version_architecture.deb size hash."""
    words = line.split()
    if len(words) < 3 or not words[1].endswith(".deb"):
        return None
    name, version, _ = words[1].split("_", 2)
    return Package(name, unquote(version))


def unreachable() -> Unavailable:
    """What to say when a download fails."""
    return Unavailable("The controller cannot download Debian packages: check its network and apt sources")


def apt_get(tools: Tools, state: Path, options: dict[str, str], *words: str, failure: VrabecError) -> str:
    """Run apt-get for an amd64 machine that has nothing installed; `options` say at least where indexes lie.

    What apt keeps besides them lies in `state`; the controller's own stays as it is.
    """
    state.mkdir(parents=True, exist_ok=True)
    options = options | {
        "Dir::State::status": "/dev/null",  # so that libraries are listed too
        "Dir::State::extended_states": f"{state}/extended_states",
        "Dir::Cache": f"{state}/",
        "Dir::Cache::archives": f"{tools.folder}/archives/",
        "Dir::Cache::pkgcache": "pkgcache.bin",  # so that the next look takes half a second
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "1",
        "APT::Architecture": "amd64",
        # as root apt would hand the download to a user who may not enter our folder
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }
    arguments = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    return tools.run("apt-get", "-qq", "-y", *arguments, *words, failure=failure)
