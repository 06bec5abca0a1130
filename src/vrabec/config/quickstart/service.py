"""Vrabec itself as a service: a systemd unit, or a process in the background where systemd does not run."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from vrabec.config.quickstart.account import RUN_DIR, USER, groups
from vrabec.config.quickstart.libvirtd import wait_until_gone
from vrabec.config.quickstart.made import PREFIX
from vrabec.config.quickstart.say import LOG_DIR, Failed
from vrabec.config.quickstart.shell import ENVIRONMENT, attempt, has_systemd, run

VRABECD = str(PREFIX / "venv/bin/vrabecd")
UNIT = Path("/etc/systemd/system/vrabec.service")
LOG = LOG_DIR / "vrabecd.log"
_PID_FILE = RUN_DIR / "vrabecd.pid"
_STOP_SECONDS = 40


def is_running() -> bool:
    """Whether Vrabec runs."""
    if has_systemd():
        return not subprocess.run(["systemctl", "is-active", "--quiet", "vrabec"], check=False).returncode
    return bool(_pid())


def start() -> None:
    """Start Vrabec, with systemd also at each boot. Raises Failed."""
    if has_systemd():
        shutil.copy(Path(__file__).parent / "vrabec.service", UNIT)
        run("systemctl", "daemon-reload", advice="systemd does not answer: see `systemctl status`.")
        run("systemctl", "enable", "--now", "vrabec", advice=f"Vrabec does not start: {where_to_look()}.")
    else:
        _start_in_background()


def stop() -> None:
    """Stop Vrabec; its machines go on. Not running is success. Raises Failed."""
    if has_systemd():
        if UNIT.exists():
            run("systemctl", "stop", "vrabec", advice="systemd does not stop Vrabec: see its journal.")
        return
    pid = _pid()
    if pid:
        os.kill(pid, signal.SIGTERM)
        if not wait_until_gone(pid, _STOP_SECONDS):
            raise Failed(f"Vrabec does not stop: end process {pid} yourself, then run this again.")
    _PID_FILE.unlink(missing_ok=True)


def remove() -> None:
    """Take the unit away; Vrabec is stopped already."""
    if UNIT.exists():
        attempt("systemctl", "disable", "vrabec")
        UNIT.unlink()
        attempt("systemctl", "daemon-reload")


def where_to_look() -> str:
    """Where Vrabec says what it does, as part of a sentence."""
    return "look at `journalctl -u vrabec`" if has_systemd() else f"look at {LOG}"


def require_port(address: str, port: int) -> None:
    """Raise Failed when another program has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            why = error.strerror
            raise Failed(f"Port {port} cannot be had ({why}): choose another with --port.") from error


def _start_in_background() -> None:
    LOG.touch()
    shutil.chown(LOG, USER, USER)
    with LOG.open("a") as log:
        process = subprocess.Popen(
            [VRABECD, "serve"], user=USER, group=USER, extra_groups=groups(), umask=0o077, cwd="/",
            env=ENVIRONMENT, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    _PID_FILE.write_text(f"{process.pid}\n")


def _pid() -> int:
    """The pid of the process in the background, 0 when it does not run."""
    with suppress(OSError, ValueError):
        pid = int(_PID_FILE.read_text())
        # A zombie has no command line, and a pid that another program got since has another one.
        if VRABECD.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return 0
