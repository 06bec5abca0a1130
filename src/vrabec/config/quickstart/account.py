"""The system user that Vrabec runs as, its directories and its settings file."""

from __future__ import annotations

import os
import pwd
import re
import shutil
from pathlib import Path

from vrabec.config.every_setting import settings_file
from vrabec.config.files import Config, read_config
from vrabec.config.quickstart.libvirtd import CONFIG_DIR
from vrabec.config.quickstart.made import Made
from vrabec.config.quickstart.say import LOG_DIR, Failed
from vrabec.config.quickstart.shell import attempt, run

USER = "vrabec"
SETTINGS = CONFIG_DIR / "vrabec.toml"
DATA_DIR = Path("/var/lib/vrabec")
RUN_DIR = Path("/run/vrabec")


def ensure_account(made: Made) -> None:
    """Make the user, in group libvirt, and its directories."""
    advice = f"User {USER} cannot be made: look at the log, then run this again."
    if not _exists():
        about = ["--home-dir", str(DATA_DIR), "--no-create-home", "--shell", "/usr/sbin/nologin"]
        # with further user ids, in which it builds templates of Debian
        kind = ["--system", "--add-subids-for-system", "--user-group"]
        run("useradd", *kind, *about, "--comment", "Vrabec", USER, advice=advice)
        made.user = True
        made.write()
    run("usermod", "--append", "--groups", "libvirt", USER, advice=advice)
    for directory, mode in ((DATA_DIR, 0o700), (RUN_DIR, 0o700), (LOG_DIR, 0o750)):
        _own(directory, mode)


def _exists() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _own(directory: Path, mode: int) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(mode)
    shutil.chown(directory, USER, USER)


def ensure_settings(port: int | None) -> tuple[Config, bool]:
    """Write the settings file, or the asked-for port into the one there is; whether that changed it."""
    CONFIG_DIR.mkdir(exist_ok=True)
    before = SETTINGS.read_text() if SETTINGS.exists() else ""
    text = before or settings_file(Config())
    if port:
        line = re.compile(r"^#?port\s*=.*$", re.MULTILINE)
        text = line.sub(f"port = {port}", text) if line.search(text) else f"port = {port}\n{text}"
    if text != before:
        SETTINGS.write_text(text)
    for path, mode in ((CONFIG_DIR, 0o750), (SETTINGS, 0o640)):  # it may hold a database's password
        shutil.chown(path, "root", USER)
        path.chmod(mode)
    return read_config(SETTINGS), bool(before) and text != before


def require_libvirt() -> None:
    """Raise Failed when the user may not use libvirt."""
    ask = ["virsh", "--quiet", "-c", "qemu:///system", "uri"]
    if not attempt("runuser", "-u", USER, "--", *ask, timeout_s=30)[0]:
        raise Failed(
            f"User {USER} may not use libvirt though it is in group libvirt: "
            "let that group in (libvirtd.conf: unix_sock_group, auth_unix_rw), then run this again."
        )


def as_user(*command: str, advice: str, is_secret: bool = False) -> str:
    """Run a program as the user. Raises Failed."""
    words = ("runuser", "-u", USER, "--", *command)
    return run(*words, advice=advice, timeout_s=120, is_secret=is_secret)


def groups() -> list[int]:
    """The ids of all groups of the user."""
    return os.getgrouplist(USER, pwd.getpwnam(USER).pw_gid)
