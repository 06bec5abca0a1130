"""Two engines never work on one database."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from tests.service.made_up import until

Holder = Callable[[Path], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def hold(transactional_db: None) -> Iterator[Holder]:
    """Start a process that wants the lock in this run directory; gives it and what it said."""
    with ExitStack() as stack:

        def start(run_dir: Path) -> tuple[subprocess.Popen[str], str]:
            command = [sys.executable, "-m", "tests.service.lock_holder"]
            database = str(connection.settings_dict["NAME"])
            process = subprocess.Popen(
                [*command, str(run_dir), database],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process, process.stdout.readline().strip()

        yield start


def test_a_second_engine_is_refused(hold: Holder, tmp_path: Path) -> None:
    assert hold(tmp_path)[1] == "held"
    assert hold(tmp_path)[1] == "refused"


def test_the_lock_dies_with_its_process(hold: Holder, tmp_path: Path) -> None:
    first, _ = hold(tmp_path)
    first.kill()
    first.wait()
    # PostgreSQL gives the lock back when it sees the end of the connection, a moment later.
    assert until(lambda: hold(tmp_path)[1], "held".__eq__)


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no lock beside the file's")
def test_an_engine_elsewhere_is_refused_by_the_database(hold: Holder, tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    assert hold(tmp_path / "here")[1] == "held"
    assert hold(tmp_path / "there")[1] == "refused"
