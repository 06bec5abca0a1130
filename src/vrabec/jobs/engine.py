"""The claim loop: takes waiting jobs, keeps the limits, and runs them on a bounded pool of threads."""

from __future__ import annotations

import logging
import os
import select
import socket
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from django.db import Error

from vrabec.jobs import store
from vrabec.jobs.plans import PLANS, STEPS, Plan
from vrabec.jobs.run import Run, advance, internal
from vrabec.lib import wire
from vrabec.lib.clock import now
from vrabec.lib.errors import HostError
from vrabec.lib.heartbeat import beat
from vrabec.lib.logs import working_on
from vrabec.models.changes import engine_socket, heartbeat_of
from vrabec.models.jobs import Job, JobState

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""The net under the pokes: a poke may be lost, a row is not."""


class Engine:
    """Runs jobs until `stopping` is set. One a controller: its entry point holds the lock."""

    def __init__(self, threads: int) -> None:
        # Cut: the column holds 64 characters, a host's name alone may have as many.
        self.owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.stopping = Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="job")
        self._threads = threads
        self._lock = Lock()
        self._running: dict[int, tuple[int | None, str]] = {}
        self._beat_at = float("-inf")
        self._poke = wire.listen(engine_socket())

    def run(self) -> None:
        """Claim and run jobs until told to stop; begun steps continue at the next start."""
        while not self.stopping.is_set():
            self._beat()
            try:
                self.claim_all()
            except Error:
                # A full disk or a restarted PostgreSQL: jobs wait, the engine stays.
                logger.exception("the database does not take our claim")
                store.close()
            self._sleep()
        self._pool.shutdown(wait=True)
        self._poke.close()

    def stop(self) -> None:
        """End `run` soon."""
        self.stopping.set()
        wire.send(engine_socket(), b"stop")

    def _beat(self) -> None:
        """At most once a poll: a burst of jobs need not write more."""
        if time.monotonic() - self._beat_at >= POLL_SECONDS / 2:
            beat(heartbeat_of("jobs"))
            self._beat_at = time.monotonic()

    def claim_all(self) -> None:
        """Take every job that waits and fits the limits."""
        for job in store.claimable(now()):
            if len(self._running) >= self._threads or self.stopping.is_set():
                return
            if job.kind not in PLANS:
                store.refuse(job, _unknown(job))
            elif self._fits(job, PLANS[job.kind]):
                self._claim(job, PLANS[job.kind])

    def _fits(self, job: Job, plan: Plan) -> bool:
        with self._lock:
            busy = Counter(self._running.values())[(job.host_id, job.kind)]
            return job.pk not in self._running and (plan.per_host is None or busy < plan.per_host)

    def _claim(self, job: Job, plan: Plan) -> None:
        try:
            titled, no_return = _read(job, plan)
        except Exception as error:
            # The edge: a row that its plan cannot read must not keep the others from running.
            logger.exception("job %s", job.pk)
            store.refuse(job, internal(error))
            return
        claimed = store.claim(job, self.owner, titled, no_return)
        if claimed:
            with self._lock:
                self._running[claimed.pk] = (claimed.host_id, claimed.kind)
            self._pool.submit(self._work, claimed)

    def _work(self, job: Job) -> None:
        with working_on(job.pk, job.subject_name if job.vm_id else ""):
            logger.info("%s begins", job.kind)
            self._advance(Run(job, self.stopping))

    def _advance(self, run: Run) -> None:
        try:
            advance(run)
        except store.LostJob:
            logger.info("it goes on elsewhere or later")
        except Exception:
            # The edge: a database that went away, as a rule. The row says what was begun and waits.
            logger.exception("it was interrupted")
            self.stopping.wait(POLL_SECONDS)
        else:
            logger.info("%s is %s", run.job.kind, run.job.state)
        finally:
            self._leave(run)

    def _leave(self, run: Run) -> None:
        for close in (run.close, store.close):
            try:
                close()
            except Exception:
                # The edge: whatever does not close, the job must leave the list or nobody runs it again.
                logger.exception("what it used does not close")
        with self._lock:
            del self._running[run.job.pk]
        wire.send(engine_socket(), b"next")

    def _sleep(self) -> None:
        """Until a poke or the poll; a burst of pokes is one wake."""
        if select.select([self._poke], [], [], POLL_SECONDS)[0]:
            try:
                while self._poke.recv(64):
                    pass
            except BlockingIOError:
                return


def _unknown(job: Job) -> HostError:
    return HostError("This Vrabec does not know jobs of kind %(kind)s; upgrade it.", kind=job.kind)


def _read(job: Job, plan: Plan) -> tuple[list[tuple[str, str]], int | None]:
    """A new job's steps as (name, title), and the index of its point of no return; a begun one has them."""
    if job.state != JobState.QUEUED:
        return [], None
    steps = plan.steps(job.args)
    return [(name, STEPS[name].title) for name in steps], plan.turning_point(steps)
