"""Where Debian templates are built: root inside, nothing outside, and gone with whoever began it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian.namespace import inside
from vrabec.lib.errors import Cancelled

pytestmark = pytest.mark.lab
DAEMON = "setsid sleep {seconds} & touch ready; wait"
BUILD = """\
import sys
from pathlib import Path
from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian.namespace import inside
Tools(Path(sys.argv[1]), lambda: False, ()).run(*inside(), "sh", "-c", sys.argv[2])
"""


def daemon() -> str:
    """A process that leaves its group, known by a number nobody else sleeps for."""
    return DAEMON.format(seconds=f"98765.{os.getpid()}{time.monotonic_ns()}")


def runs(script: str) -> bool:
    seconds = script.split()[2]
    found = subprocess.run(["pgrep", "-f", f"sleep {seconds}"], check=False, stdout=subprocess.DEVNULL)
    return found.returncode == 0


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not within ten seconds")


def test_a_cancelled_build_ends_even_what_left_its_group(tmp_path: Path) -> None:
    script = daemon()
    with pytest.raises(Cancelled):
        Tools(tmp_path, (tmp_path / "ready").exists, ()).run(*inside(), "sh", "-c", script)
    wait_until(lambda: not runs(script))


def test_a_build_dies_with_its_engine(tmp_path: Path) -> None:
    script = daemon()
    engine = subprocess.Popen([sys.executable, "-c", BUILD, tmp_path, script])
    wait_until((tmp_path / "ready").exists)
    assert runs(script)
    engine.kill()
    engine.wait()
    wait_until(lambda: not runs(script))


def test_mounts_inside_are_not_seen_outside(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    script = f"mount -t tmpfs inside {there} && touch {there}/file && id -u"
    assert Tools(tmp_path, lambda: False, ()).run(*inside(), "sh", "-c", script) == "0\n"
    assert list(there.iterdir()) == []
    assert str(there) not in Path("/proc/self/mounts").read_text()


def test_files_made_inside_are_for_all_users_of_the_guest(tmp_path: Path) -> None:
    kept = os.umask(0o077)
    try:
        Tools(tmp_path, lambda: False, ()).run(*inside(), "touch", "file")
    finally:
        os.umask(kept)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
