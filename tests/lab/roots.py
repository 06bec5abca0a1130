"""File systems for lab hosts of another Debian than this machine's: its own libvirt and QEMU, our kernel.

A root is made once by mmdebstrap, kept (kept.py) and never written to: each host lays its own layer over it
(host_init.sh).
"""

import platform
import subprocess
from functools import partial
from pathlib import Path

from tests.lab.kept import kept

SUITES = ("bookworm", "trixie")
"""The Debians whose libvirt and QEMU Vrabec is tried on."""
PACKAGES = (
    "libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils", "ovmf", "dnsmasq-base",
    "iptables", "iproute2", "openssh-server", "procps",
)  # fmt: skip


def other_suite() -> str:
    """The first of SUITES that this machine does not run itself."""
    ours = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return next(suite for suite in SUITES if suite != ours)


def hypervisor_root(suite: str) -> Path:
    """A root directory of this Debian with libvirt and QEMU; made anew where it is old."""
    return kept(f"{suite}-hypervisor", partial(_debootstrap, suite))


def _debootstrap(suite: str, path: Path) -> None:
    include = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", include, suite, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
