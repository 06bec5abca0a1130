"""The supervisor starts again what dies, and takes all with it when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service.made_up import PATIENCE_S, until
from vrabec.config.supervisor import module

COMMAND = [sys.executable, "-m", "tests.service.supervised"]


class Supervised:
    """A supervisor of two processes, and what those wrote down."""

    def __init__(self, log: Path, **environment: str) -> None:
        self.log = log
        log.touch()
        environment |= {"SUPERVISED_LOG": str(log)}
        self.process = subprocess.Popen(COMMAND, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)

    def who(self, what: str) -> list[int]:
        """Pids of those that wrote `what`, in their order."""
        lines = [line.split(" ", 1) for line in self.log.read_text().splitlines()]
        return [int(pid) for pid, said in lines if said == what]

    def born(self, count: int) -> list[int]:
        """Pids once so many were born."""
        return until(lambda: self.who("born"), lambda pids: len(pids) == count)


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Callable[..., Supervised]]:
    """Start a supervisor; nothing of it is left after the test."""
    started: list[Supervised] = []

    def start(**environment: str) -> Supervised:
        started.append(Supervised(tmp_path / "log", **environment))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        until(lambda each=each: not [pid for pid in each.who("born") if alive(pid)])


def alive(pid: int) -> bool:
    """Whether a process runs: one that only nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_process_that_dies_is_started_again(supervised: Callable[..., Supervised]) -> None:
    found = supervised()
    first, _ = found.born(2)
    os.kill(first, signal.SIGKILL)
    found.born(3)


def test_two_that_die_together_are_both_started_again(supervised: Callable[..., Supervised]) -> None:
    found = supervised()
    for pid in found.born(2):
        os.kill(pid, signal.SIGKILL)
    found.born(4)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_asks_the_processes_to_end(supervised: Callable[..., Supervised], number: int) -> None:
    found = supervised()
    pids = found.born(2)
    found.process.send_signal(number)
    assert found.process.wait(PATIENCE_S) == 0
    assert sorted(found.who("asked")) == sorted(pids)
    assert not any(alive(pid) for pid in pids)


def test_a_supervisor_that_was_suspended_for_long_goes_on(supervised: Callable[..., Supervised]) -> None:
    found = supervised()
    first, _ = found.born(2)
    for _ in range(3):
        found.process.send_signal(signal.SIGSTOP)
        time.sleep(0.4)  # longer than it waits: LOOK_SECONDS in supervised.py
        found.process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    found.born(3)
    assert found.process.poll() is None
    assert found.who("asked") == []


def test_what_does_not_end_when_asked_is_killed(supervised: Callable[..., Supervised]) -> None:
    found = supervised(SUPERVISED_STUBBORN="1")
    pids = found.born(2)
    found.process.terminate()
    assert found.process.wait(PATIENCE_S) == 0
    assert sorted(found.who("asked")) == sorted(pids)
    assert not any(alive(pid) for pid in pids)


def test_the_processes_die_with_a_killed_supervisor(supervised: Callable[..., Supervised]) -> None:
    found = supervised()
    pids = found.born(2)
    found.process.kill()
    until(lambda: not any(alive(pid) for pid in pids))
    assert found.who("asked") == []


def test_a_process_whose_parent_is_dead_already_ends() -> None:
    assert subprocess.run([*COMMAND, "1"], check=False).returncode == 1


def test_the_processes_get_their_signals(supervised: Callable[..., Supervised]) -> None:
    found = supervised()
    found.born(2)
    assert found.who("born blocked") == []


def test_a_start_that_fails_is_tried_again(supervised: Callable[..., Supervised]) -> None:
    supervised(SUPERVISED_FLAKY="1").born(2)


def test_a_start_reaps_no_earlier_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISED_LOG", str(tmp_path / "log"))
    start = module("tests.service.supervised")
    first = start()
    os.kill(first, signal.SIGKILL)
    until(lambda: not alive(first))
    second = start()
    os.kill(second, signal.SIGKILL)
    assert os.waitpid(first, 0)[0] == first
    assert os.waitpid(second, 0)[0] == second
