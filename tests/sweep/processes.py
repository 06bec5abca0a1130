"""The processes of a case: a supervisor with an engine, killed at its point, and somebody who asks and looks.

All are forked from the sweep's process, which has Django set up, no thread and no connection.
"""

import itertools
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from tests.sweep.points import Point, Points
from tests.sweep.scenario import Scenario
from tests.sweep.stage import Stage
from vrabec.config.supervisor import Supervisor, die_with_parent
from vrabec.lib import wire
from vrabec.models.changes import web_socket

_DYING_S = 10
Reached = Callable[[Point], None]


def fork(body: Callable[[], None]) -> int:
    """The pid of a new process that runs `body`; it dies with this one."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = 1
    try:
        die_with_parent(parent)
        body()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may come back from here as the parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Tree:
    """A supervisor and its engine, in a session of their own."""

    def __init__(self, scenario: Scenario, reached: Reached | None) -> None:
        self.pid = fork(partial(_supervise, scenario, reached))
        self.handle = os.pidfd_open(self.pid)

    def is_gone(self) -> bool:
        """Whether all of it is dead, or dies soon; the dead ones are reaped."""
        deadline = time.monotonic() + _DYING_S
        with suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if not os.waitpid(-self.pid, os.WNOHANG)[0]:
                    time.sleep(0.002)
            return False
        return True

    def end(self) -> None:
        """Kill and reap what there is of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # Its first moment may be too early for the group to exist.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        os.close(self.handle)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-self.pid, 0)


def _supervise(scenario: Scenario, reached: Reached | None) -> None:
    os.setsid()
    starts = itertools.count()

    def start() -> int:
        # Only the first engine is killed; what starts after it is the recovery.
        return fork(partial(_serve, scenario, None if next(starts) else reached))

    Supervisor({"engine": start}).run()


def _serve(scenario: Scenario, reached: Reached | None) -> None:
    from vrabec.jobs.engine import Engine
    from vrabec.jobs.lock import EngineLock
    from vrabec.services.links import linked_beside

    if reached:
        Points(reached).install(scenario.modules)
    scenario.register()
    if scenario.run_inventory:
        from vrabec.config import engine as entry_point

        entry_point.run()
        return
    EngineLock().take()
    with linked_beside():
        Engine(threads=4).run()


def recorder(write_to: int) -> Reached:
    """Write every point to a pipe, one line each."""

    def reached(point: Point) -> None:
        fields = (point.step, point.call, point.side, str(point.count))
        os.write(write_to, ("\t".join(fields) + "\n").encode())

    return reached


def killer(target: Point, victim: str, write_to: int) -> Reached:
    """At `target`, say so and kill: "engine" (itself), "supervisor" (its parent) or the whole "tree"."""
    kill: dict[str, Callable[[], None]] = {
        "engine": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "supervisor": lambda: os.kill(os.getppid(), signal.SIGKILL),
        "tree": lambda: os.killpg(0, signal.SIGKILL),
    }

    def reached(point: Point) -> None:
        if point == target:
            os.write(write_to, b"!")
            kill[victim]()
            while True:
                time.sleep(60)

    return reached


class User:
    """A process that, case after case, asks for the jobs, waits until all are over, and looks."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self.line, far_end = Pipe()
        self.pid = fork(partial(_use, scenario, stage, far_end))
        far_end.close()

    def end(self) -> None:
        """Kill it, if it still runs."""
        self.line.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _use(scenario: Scenario, stage: Stage, line: Connection) -> None:
    while line.recv() == "ask":
        stage.clear_rows()
        context = scenario.prepare()
        scenario.request(context)
        line.send("asked")
        _wait(scenario, context)
        line.send("over")
        line.recv()
        line.send(([*_halves(), *_ends(), *scenario.check(context)], _steps()))


def _wait(scenario: Scenario, context: Any) -> None:
    from vrabec.models.jobs import Job

    deadline = time.monotonic() + scenario.patience_s
    with wire.listen(web_socket()) as changes:
        while Job.objects.active().exists() and time.monotonic() < deadline:
            scenario.meanwhile(context)
            # As the web process does; the look each 50 ms is for what was announced before.
            select.select([changes], [], [], 0.05)
            with suppress(BlockingIOError):
                while changes.recv(wire.MAX_BYTES):
                    pass


def _halves() -> list[str]:
    """Jobs that are neither done nor undone."""
    from vrabec.models.jobs import Job, JobState

    whole = {JobState.DONE: lambda job: job.ended == len(job.plan) == job.begun}
    whole |= dict.fromkeys((JobState.FAILED, JobState.CANCELLED), lambda job: job.ended == 0)
    return [
        f"job {job.pk} ended {job.state} with {job.begun} begun, {job.ended} ended of {len(job.plan)}"
        for job in Job.objects.all()
        if not whole.get(job.state, lambda job: False)(job) or job.owner
    ]


def _ends() -> list[str]:
    """Jobs whose end is not on record once, as it was; rows of a scenario's past never ended."""
    from vrabec.models.audit import Audit
    from vrabec.models.jobs import Job
    from vrabec.services.record import ENDED

    found: dict[int | None, list[str]] = {}
    for job_id, action in Audit.objects.filter(action__in=ENDED).values_list("job_id", "action"):
        found.setdefault(job_id, []).append(action)
    ended = Job.objects.exclude(finished_at=None)
    wrong = [job for job in ended if found.get(job.pk, []) != [f"job.{job.state}"]]
    return [f"job {job.pk} ended {job.state}, and on record {found.get(job.pk, [])}" for job in wrong]


def _steps() -> list[str]:
    """What the recording run must have passed points in: each begun step, each undoing."""
    from vrabec.models.jobs import Job, JobState

    found: dict[str, None] = {}
    for job in Job.objects.all():
        begun = job.plan[: job.begun]
        undone = [f"undo {name}" for name in begun] if job.state != JobState.DONE else []
        found |= dict.fromkeys([*begun, *undone])
    return list(found)
