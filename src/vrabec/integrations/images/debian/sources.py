"""Where Debian's packages come from: the mirrors and proxies that the controller's own apt uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vrabec.integrations.images.commands import Tools
from vrabec.lib.errors import HostError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_DEFAULTS = {
    "": "http://deb.debian.org/debian",
    "-updates": "http://deb.debian.org/debian",
    "-security": "http://deb.debian.org/debian-security",
}
_CODENAMES = ("bookworm", "trixie", "forky", "sid")
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
_UNKNOWN = "$(ORIGIN)"
"""What apt prints while it has no index of the source yet."""


@dataclass(frozen=True)
class Sources:
    """Lines of sources.list for a suite: to build with, and for the machines made of it."""

    suite: str
    build: str
    guest: str


def find(tools: Tools, suite: str) -> Sources:
    """The sources of `suite`, out of those that the controller has for its own suite."""
    known = tools.run(
        "apt-get", "indextargets", "--format", _FORMAT, "Identifier: Packages",
        failure=HostError("apt does not answer on the controller: check /etc/apt"),
    )  # fmt: skip
    return derive(suite, known)


def derive(suite: str, known: str) -> Sources:
    """`known` has a line for each of the controller's indexes: address, release, component, origin.

    A machine asks Debian's own mirror where the controller's is a folder, or has a password in its address.
    """
    found = dict(_mirrors(known))
    build = found if "" in found else _DEFAULTS
    guest = _DEFAULTS | {kind: uri for kind, uri in found.items() if _is_for_all(uri)}
    return Sources(suite, _lines(suite, build), _lines(suite, guest))


def _mirrors(known: str) -> Iterator[tuple[str, str]]:
    for line in reversed(known.splitlines()):  # the first one counts
        uri, release, component, origin, *_ = [*line.split(), "", "", "", ""]
        name, dash, kind = release.partition("-")
        is_debian = origin == "Debian" or (origin == _UNKNOWN and name in _CODENAMES)
        if is_debian and component == "main" and dash + kind in _DEFAULTS:
            yield dash + kind, uri.rstrip("/")


def _is_for_all(uri: str) -> bool:
    return uri.startswith(("http://", "https://")) and "@" not in uri


def _lines(suite: str, mirrors: dict[str, str]) -> str:
    signed = f"[signed-by={KEYRING}]"
    return "".join(
        f"deb {signed} {mirrors[kind]} {suite}{kind} main\n" for kind in _DEFAULTS if kind in mirrors
    )


def proxies(tools: Tools) -> tuple[str, ...]:
    """How the controller's apt reaches its mirrors, as options for another apt."""
    lines = tools.run("apt-config", "dump").splitlines()
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::ForceIPv")
    return tuple(line for line in lines if line.startswith(wanted) and not line.endswith('"";'))
