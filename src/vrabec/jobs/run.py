"""One run of one job: what a step sees, and how the plan advances or is undone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from threading import Event
from typing import Any, NoReturn, TypeVar, cast

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Q

from vrabec.jobs import store
from vrabec.jobs.plans import PLANS, STEPS
from vrabec.lib.errors import Cancelled, HostError, Unavailable, VrabecError
from vrabec.models.jobs import Job, JobState

logger = logging.getLogger(__name__)
Resource = TypeVar("Resource")

PAUSES_SECONDS = (1, 2, 5, 10, 20, 30)
"""Between tries of a step that must succeed: forward past the point of no return, or an undo."""

_NOT_THE_STEP = (store.LostJob, OperationalError, InterfaceError)
"""The engine stops, or the database went away: the begun step continues later, it did not fail."""


class Run:
    """What a step is given: its arguments, a log, a percentage, and a way to hear of a cancel."""

    def __init__(self, job: Job, stopping: Event) -> None:
        self.job = job
        self.args: dict[str, Any] = job.args
        self._stopping = stopping
        self._stack = ExitStack()
        self._resources: dict[str, object] = {}
        self._reported = 0.0

    def log(self, template: str, /, **params: Any) -> None:
        """Add a line to the job's log. Raises LostJob."""
        store.log(self.job, template, **params)

    def progress(self, percent: float, **told: Any) -> None:
        """Say how far the current step is (0 to 100), and what is `told` of it; twice a second at most."""
        if time.monotonic() - self._reported < 0.5:
            return
        self._reported = time.monotonic()
        done = (self.job.begun - 1 + min(percent, 100.0) / 100) / len(self.job.plan)
        self._tell(int(100 * done), told)

    def told(self, **told: Any) -> None:
        """Keep more of what is told of the job, whatever its percentage."""
        self._tell(self.job.percent, told)

    def _tell(self, percent: int, told: dict[str, Any]) -> None:
        fields: dict[str, Any] = {"percent": percent}
        if told:
            self.args = {**self.args, "told": {**self.args.get("told", {}), **told}}
            fields["args"] = self.args
        store.write(self.job, **fields)

    def is_cancelled(self) -> bool:
        """Whether a long step should stop. Never past the point of no return, never while undoing."""
        if self.job.state != JobState.RUNNING or self.is_only_forward:
            return False
        return store.cancel_asked(self.job)

    def check(self) -> None:
        """Raise Cancelled when a long step should stop."""
        if self.is_cancelled():
            raise Cancelled("Cancelled.")

    @property
    def is_only_forward(self) -> bool:
        """Whether what was begun can no longer be undone."""
        return _only_forward(self.job)

    def no_way_back(self) -> None:
        """The begun step is the point of no return from now on. Raises Cancelled when a cancel came first."""
        try:
            store.write(self.job, Q(cancel_asked=False), no_return=self.job.begun - 1)
        except store.LostJob:
            self.check()
            raise

    def way_back(self) -> None:
        """The point of no return is the plan's own again: nothing has happened that cannot be undone."""
        planned = PLANS[self.job.kind].turning_point(self.job.plan)
        if self.job.no_return != planned:
            store.write(self.job, no_return=planned)

    def go_on(self) -> None:
        """Raise LostJob when the engine stops: what was begun continues at its next start."""
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Sleep inside a step. A stopping engine ends it by LostJob: the step continues later."""
        if self._stopping.wait(seconds):
            raise store.LostJob(self.job.pk)

    def come_back(self, seconds: float) -> NoReturn:
        """Give the thread back, and run the begun step again: later, or once a child of the job has ended.

        A job that waited for its children in its thread would keep them from running. Raises LostJob.
        """
        store.pause(self.job, seconds)
        raise store.LostJob(self.job.pk)

    def resource(self, name: str, opened: Callable[[], AbstractContextManager[Resource]]) -> Resource:
        """What `opened()` gives: called once a run, left when the run ends."""
        if name not in self._resources:
            self._resources[name] = self._stack.enter_context(opened())
        return cast("Resource", self._resources[name])

    def remember(self, **values: Any) -> None:
        """Add arguments that a step needs when it runs again, or is undone."""
        self.args = {**self.args, **values}
        store.write(self.job, args=self.args)

    def forget(self, *names: str) -> None:
        """Drop arguments that nobody needs any more, such as secrets, from the row."""
        self.args = {key: value for key, value in self.args.items() if key not in names}
        store.write(self.job, args=self.args)

    def close(self) -> None:
        """Leave every resource."""
        self._stack.close()


def advance(run: Run) -> None:
    """Take the job as far as it goes: to its end, or to a pause. Raises LostJob."""
    if run.job.state == JobState.RUNNING:
        _forward(run)
    if run.job.state == JobState.UNDOING and run.job.owner:
        _backward(run)


def _only_forward(job: Job) -> bool:
    return job.no_return is not None and job.begun > job.no_return


def _forward(run: Run) -> None:
    job = run.job
    for index in range(job.ended, len(job.plan)):
        try:
            run.go_on()
            run.check()
            _begin(run, index)
            STEPS[job.plan[index]].do(run)
        except _NOT_THE_STEP:
            raise
        except VrabecError as error:
            return _failed(run, error)
        except Exception as error:
            # The edge: a fault of ours must be undone like any other.
            logger.exception("step %s", job.plan[index])
            return _failed(run, internal(error))
    return store.finish(job, JobState.DONE)


def _begin(run: Run, index: int) -> None:
    """Mark the step begun; at the point of no return a cancel that came first wins."""
    try:
        store.begin(run.job, index)
    except store.LostJob:
        run.check()
        raise


def _failed(run: Run, error: VrabecError) -> None:
    job = run.job
    run.log(error.template, **error.params)
    if _only_forward(job):
        return _try_later(job, error)
    look_again = isinstance(error, Unavailable) or job.generation > 1
    return store.write(
        job,
        state=JobState.UNDOING,
        ended=job.begun,
        tries=0,
        look_again=look_again,
        **store.failure(error),
    )


def _backward(run: Run) -> None:
    job = run.job
    for index in reversed(range(job.ended)):
        try:
            run.go_on()
            undo = STEPS[job.plan[index]].undo
            if undo:
                undo(run)
        except _NOT_THE_STEP:
            raise
        except VrabecError as error:
            return _undo_failed(run, error)
        except Exception as error:
            # The edge: an undo is tried again whatever went wrong.
            logger.exception("undoing step %s", job.plan[index])
            return _undo_failed(run, internal(error))
        store.write(job, ended=index, tries=0, percent=100 * index // len(job.plan))
    if job.look_again:
        # A call that was in flight when the connection broke may end after our undo: undo once more.
        return store.pause(job, settings.VRABEC_LOOK_AGAIN_SECONDS, look_again=False, ended=job.begun)
    return store.finish(job, JobState.CANCELLED if job.error_code == Cancelled.code else JobState.FAILED)


def _undo_failed(run: Run, error: VrabecError) -> None:
    """Pause and try again; the error that began the undoing stays the job's error."""
    run.log("Undoing: %(what)s", what=error.message)
    _pause_or_stick(run.job)


def _try_later(job: Job, error: VrabecError) -> None:
    store.write(job, **store.failure(error))
    _pause_or_stick(job)


def _pause_or_stick(job: Job) -> None:
    if job.tries >= len(PAUSES_SECONDS):
        return store.finish(job, JobState.STUCK)
    return store.pause(job, PAUSES_SECONDS[job.tries], tries=job.tries + 1)


def internal(error: Exception) -> VrabecError:
    """One of our errors as it is; any other as a mistake of ours, with what it said."""
    if isinstance(error, VrabecError):
        return error
    return HostError(
        "Vrabec made a mistake in this step. Retry; if it fails again, report it with the raw error.",
        raw=f"{type(error).__name__}: {error}",
    )
