"""Other programs: run with their output in the log, and a sentence for the person when they fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from vrabec.config.quickstart.say import Failed, log

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": "/"}
"""For all that runs longer than we do or as somebody else."""


def attempt(*command: str, timeout_s: float = 60, is_secret: bool = False) -> tuple[bool, str]:
    """Run a program: whether it succeeded, and what it printed, which goes to the log unless it is secret."""
    log("$ " + " ".join(command))
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, text=True, timeout=timeout_s, check=False, cwd="/",
            env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        log(str(error))
        return False, str(error)
    if ended.stdout and (ended.returncode or not is_secret):
        log(ended.stdout)
    return ended.returncode == 0, ended.stdout


def run(*command: str, advice: str, timeout_s: float = 60, is_secret: bool = False) -> str:
    """Run a program and return what it printed. Raises Failed with `advice`."""
    succeeded, output = attempt(*command, timeout_s=timeout_s, is_secret=is_secret)
    if not succeeded:
        raise Failed(advice)
    return output


def virsh(*words: str, timeout_s: float = 60) -> tuple[bool, str]:
    """Ask libvirt of this machine."""
    return attempt("virsh", "--quiet", "-c", "qemu:///system", *words, timeout_s=timeout_s)


def has_systemd() -> bool:
    """Whether systemd runs here (sd_booted(3)), not only lies on the disk."""
    return Path("/run/systemd/system").is_dir()
