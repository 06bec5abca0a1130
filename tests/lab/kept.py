"""What takes long to make is kept between runs: VRABEC_TEST_CACHE, or a folder in the user's cache."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

KEPT_DAYS = 30


def folder() -> Path:
    """Where it is kept."""
    chosen = os.environ.get("VRABEC_TEST_CACHE", "")
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    found = Path(chosen) if chosen else Path(usual) / "vrabec-test"
    found.mkdir(parents=True, exist_ok=True)
    return found


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The file or directory of this name; `make` writes it where there is none yet, or an old one."""
    path = folder() / name
    with (folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in parallel want the same
        if not path.exists() or time.time() - path.stat().st_mtime > KEPT_DAYS * 86400:
            draft = folder() / f"{name}.new"
            _remove(draft)
            make(draft)
            os.utime(draft)  # a directory may have brought an older time with it
            _remove(path)
            draft.replace(path)
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
