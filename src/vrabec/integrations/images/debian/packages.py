"""What a Debian template holds, and in which versions."""

from __future__ import annotations

from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian.sources import Sources
from vrabec.integrations.images.packages import Package, apt_get, parse, unreachable
from vrabec.lib.errors import HostError

INCLUDE = (
    "linux-image-cloud-amd64", "initramfs-tools", "zstd", "grub-pc-bin", "grub-efi-amd64-bin", "grub2-common",
    "systemd-sysv", "libpam-systemd", "dbus", "systemd-resolved", "systemd-timesyncd", "netplan.io",
    "cloud-init", "cloud-guest-utils", "fdisk", "e2fsprogs", "openssh-server", "qemu-guest-agent", "sudo",
    "ca-certificates", "debian-archive-keyring", "iproute2", "iputils-ping", "procps", "less", "nano",
)  # fmt: skip
_BASE = ("?essential", "?priority(required)", "apt")


def resolve(tools: Tools, state: Path, sources: Sources) -> tuple[Package, ...]:
    """The packages in the versions that the mirrors have now. Raises Unavailable, HostError."""
    listed = tools.folder / "sources.list"
    listed.write_text(sources.build)
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::State::Lists": f"{state}/lists/",
        "Dir::Etc::sourcelist": str(listed),
        "Dir::Etc::sourceparts": "/dev/null",
    }
    # it would otherwise go on with old indexes when a mirror does not answer
    update = ("-o", "APT::Update::Error-Mode=any", "update")
    apt_get(tools, state, options, *update, failure=unreachable())
    output = apt_get(
        tools, state, options, "install", "--no-install-recommends", "--print-uris", *_BASE, *INCLUDE,
        failure=HostError("The mirrors do not have all packages of Debian %(suite)s", suite=sources.suite),
    )  # fmt: skip
    found = {package for line in output.splitlines() if (package := parse(line))}
    return tuple(sorted(found, key=lambda package: package.name))
