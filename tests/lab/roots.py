"""File systems for lab hosts of another Debian than this machine's: its own libvirt and QEMU, our kernel.

A root is made once by mmdebstrap, kept in the user's cache and never written to: each host lays its own layer
over it (host_init.sh).
"""

import fcntl
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

SUITES = ("bookworm", "trixie")
"""The Debians whose libvirt and QEMU Vrabec is tried on."""
CACHE_DAYS = 30
PACKAGES = (
    "libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils", "ovmf", "dnsmasq-base",
    "iptables", "iproute2", "openssh-server", "procps",
)  # fmt: skip


def other_suite() -> str:
    """The first of SUITES that this machine does not run itself."""
    ours = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    return next(suite for suite in SUITES if suite != ours)


def cache_folder() -> Path:
    """Where what takes long to make is kept between runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vrabec-test"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def is_fresh(path: Path) -> bool:
    """Whether it is there and young enough to be used."""
    return path.exists() and time.time() - path.stat().st_mtime < CACHE_DAYS * 86400


def hypervisor_root(suite: str) -> Path:
    """A root directory of this Debian with libvirt and QEMU; made anew where it is old."""
    path = cache_folder() / f"{suite}-hypervisor"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in parallel want the same
        if not is_fresh(path):
            _debootstrap(suite, path)
    return path


def _debootstrap(suite: str, path: Path) -> None:
    draft = path.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    include = f"--include={','.join(PACKAGES)}"
    command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", include, suite, draft]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    os.utime(draft)
    shutil.rmtree(path, ignore_errors=True)
    draft.replace(path)
