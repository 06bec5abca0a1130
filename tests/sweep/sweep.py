"""The sweep itself: record the points, then kill at each, and say what was wrong."""

from __future__ import annotations

import array
import ctypes
import fcntl
import gc
import importlib
import itertools
import os
import pickle
import pkgutil
import re
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

from tests.sweep.points import Point
from tests.sweep.processes import Reached, Tree, User, killer, recorder
from tests.sweep.report import Case, Report
from tests.sweep.scenario import Scenario
from tests.sweep.stage import Stage

_PR_SET_CHILD_SUBREAPER = 36
_RESTARTS = 5
_MISSED_S = 10
"""A kill that has not come so long after the end of its job does not come."""
_QUIET_S = 0.3


def sweep(scenario: Scenario) -> Report:
    """Sweep in a process of its own, that has no thread and nothing open."""
    command = [sys.executable, "-m", "tests.sweep", str(os.getpid())]
    root = Path(__file__).parents[2]
    process = subprocess.run(
        command, input=pickle.dumps(scenario), stdout=subprocess.PIPE, cwd=root, check=True
    )
    report: Report = pickle.loads(process.stdout)  # noqa: S301 - from our child
    return report


def run(scenario: Scenario, stage: Stage) -> Report:
    """Sweep in this process: one recording run, then a case for every point and victim."""
    _adopt_orphans()
    _hurry(scenario)
    _import(scenario.packages)
    gc.freeze()
    begun = time.monotonic()
    report = Report(type(scenario).__name__, stage.database)
    runner = _Runner(scenario, stage)
    with _pipe() as pipe:
        report.steps, case = runner.run(recorder(pipe.write_to), pipe.settle)
        points = [_point(line) for line in pipe.read().decode().splitlines()]
    report.points = [point for point in points if _is_wanted(scenario, point)]
    report.cases = [case, *_killed(runner, report.points, scenario.victims)]
    runner.end()
    report.seconds = time.monotonic() - begun
    return report


def _is_wanted(scenario: Scenario, point: Point) -> bool:
    often = scenario.most is not None and point.count > scenario.most
    return not often and re.search(scenario.only, str(point)) is not None


def _killed(runner: _Runner, points: list[Point], victims: tuple[str, ...]) -> Iterator[Case]:
    for point, victim in itertools.product(points, victims):
        with _pipe() as pipe:
            _, case = runner.run(killer(point, victim, pipe.write_to), pipe.wait)
            case = replace(case, point=point, victim=victim, was_killed=bool(pipe.read()))
        if case.problems:
            print(case, file=sys.stderr, flush=True)
        yield case


class _Runner:
    """Runs the scenario again and again, each time from empty tables to the end of its jobs."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self._scenario = scenario
        self._stage = stage
        self._user: User | None = None
        self._trees: list[Tree] = []

    def run(self, reached: Reached, settle: Callable[[], object]) -> tuple[list[str], Case]:
        """The steps that were begun, and what came of it.

        `settle` waits for the points behind the job's last commit, which tells the user that it is over.
        """
        self._stage.clear()
        assert threading.active_count() == 1, "a fork would lose threads"
        with _stderr_to(self._stage.log):
            self._user = self._user or User(self._scenario, self._stage)
            try:
                problems, steps = self._attend(self._user, reached, settle)
            except EOFError as error:
                problems, steps = [str(error) or "the user's process ended by itself"], []
                self.end()
            finally:
                self._end_trees()
        log = self._stage.log.read_text(errors="replace") if problems else ""
        return steps, Case(problems=tuple(problems), log=log)

    def end(self) -> None:
        """End the user's process."""
        if self._user:
            self._user.end()
        self._user = None

    def _attend(
        self, user: User, reached: Reached, settle: Callable[[], object]
    ) -> tuple[list[str], list[str]]:
        user.line.send("ask")
        user.line.recv()
        self._start(reached)
        while user.line not in wait([user.line, self._trees[-1].handle]):
            if len(self._trees) > _RESTARTS:
                raise EOFError("the supervisor ends again and again")
            self._start(None)
        user.line.recv()
        settle()
        survivors = [tree.pid for tree in self._trees[:-1] if not tree.is_gone()]
        self._end_trees()
        user.line.send("look")
        problems, steps = user.line.recv()
        return [*problems, *(f"left over: a process of tree {pid}" for pid in survivors)], steps

    def _start(self, reached: Reached | None) -> None:
        # As a service manager does: at once, also while what is left of the tree before still dies.
        self._trees.append(Tree(self._scenario, reached))

    def _end_trees(self) -> None:
        while self._trees:
            self._trees.pop().end()


@dataclass
class _Pipe:
    read_from: int
    write_to: int

    def wait(self) -> bool:
        """Until something was written; whether it was."""
        return bool(select.select([self.read_from], [], [], _MISSED_S)[0])

    def settle(self) -> None:
        """Until nothing more is written."""
        size = -1
        while size != (size := self._size()):
            time.sleep(_QUIET_S)

    def _size(self) -> int:
        size = array.array("i", [0])
        fcntl.ioctl(self.read_from, termios.FIONREAD, size)
        return size[0]

    def read(self) -> bytes:
        """All that was written so far."""
        found = b""
        with suppress(BlockingIOError):
            while more := os.read(self.read_from, 65536):
                found += more
        return found


@contextmanager
def _pipe() -> Iterator[_Pipe]:
    pipe = _Pipe(*os.pipe())
    os.set_blocking(pipe.read_from, False)
    try:
        yield pipe
    finally:
        os.close(pipe.read_from)
        os.close(pipe.write_to)


@contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    kept = os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _point(line: str) -> Point:
    step, call, side, count = line.split("\t")
    return Point(step, call, side, int(count))


def _adopt_orphans() -> None:
    """Become the parent of a killed supervisor's engine, to see it end."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _import(packages: tuple[str, ...]) -> None:
    for package in map(importlib.import_module, packages):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def _hurry(scenario: Scenario) -> None:
    """Pauses that a sweep of hundreds of cases can wait for; forked processes have them, too."""
    from django.conf import settings

    from vrabec.config import supervisor
    from vrabec.jobs import engine
    from vrabec.jobs import run as jobs_run

    supervisor.RESTART_SECONDS = (0.01, 0.02, 0.05, 0.1)
    engine.POLL_SECONDS = 0.05
    jobs_run.PAUSES_SECONDS = (0.02, 0.1, 0.2, 0.5, 1, 2)
    settings.VRABEC_LOOK_AGAIN_SECONDS = scenario.look_again_s
