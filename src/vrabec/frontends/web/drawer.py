"""Jobs as pages show them: one row, and the drawer with its pill."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext, gettext_noop

from vrabec.lib.actor import Actor
from vrabec.lib.units import show_copy
from vrabec.models.jobs import Job, JobState
from vrabec.services import jobs as jobs_service
from vrabec.services.permissions import ACTIONS, Rights, rights
from vrabec.services.states import TITLES

MAX_ROWS = 30
SHOW_COOKIE = "vrabec_jobs_show"
_SHAPES = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "changing",
    JobState.UNDOING: "changing",
    JobState.STUCK: "stuck",
}
_TAG_KINDS = {JobState.FAILED: "bad", JobState.STUCK: "warn", JobState.DONE: "ok"}
_ADVICE = {
    "unavailable": gettext_noop("Nothing is left over. Check that the host is up, then retry."),
    "host_error": gettext_noop("Nothing is left over. The raw error says what the host objected to."),
    "no_capacity": gettext_noop("Free some memory or add a host, then retry."),
}
_STUCK = gettext_noop("Something is left over on the host. Retry goes on where it stuck.")


@dataclass(frozen=True)
class StepRow:
    """One step: `state` is done, changing or todo."""

    title: str
    state: str


@dataclass(frozen=True)
class JobRow:
    """One job as shown, with what the reader may do to it."""

    id: int
    vm_id: int | None
    title: str
    state: str
    shape: str
    tag: str
    tag_kind: str
    by: str
    at: datetime
    percent: int
    told: str
    step: int
    steps: list[StepRow]
    error: str
    advice: str
    raw: str
    is_active: bool
    can_cancel: bool
    can_retry: bool
    can_dismiss: bool

    @property
    def line(self) -> str:
        """How far it is, in words: "step 2 of 5"."""
        if not self.steps or not self.step:
            return gettext("waiting")
        return gettext("step %(step)s of %(steps)s") % {"step": self.step, "steps": len(self.steps)}

    @property
    def now(self) -> str:
        """The step under way, in words; how far it is where there is none yet."""
        return next((step.title for step in self.steps if step.state == "changing"), self.line.capitalize())


@dataclass(frozen=True)
class Drawer:
    """What the drawer and the pill show: `rows` are the active jobs, `listed` those of the tab `show`."""

    rows: list[JobRow]
    listed: list[JobRow]
    show: str
    done_today: int
    is_open: bool = False

    @property
    def running(self) -> int:
        """Jobs that run or wait."""
        return sum(row.is_active for row in self.rows)

    @property
    def failed(self) -> int:
        """Jobs that failed and wait for a person."""
        return sum(not row.is_active for row in self.rows)

    @property
    def newest(self) -> JobRow | None:
        """The newest job that runs."""
        return next((row for row in self.rows if row.is_active), None)

    @property
    def percent(self) -> int | None:
        """How far the newest is."""
        return self.newest.percent if self.newest else None


def shown_in(request: HttpRequest) -> str:
    """The drawer's tab, as this browser remembers it."""
    asked = request.COOKIES.get(SHOW_COOKIE, "")
    return asked if asked in jobs_service.SHOWN else "active"


def drawer_of(actor: Actor, *, show: str, is_open: bool = False) -> Drawer:
    """The drawer as `actor` sees it: three queries at most, two more where `show` is not "active"."""
    rows = job_rows(actor, jobs_service.few_open_jobs(actor, MAX_ROWS))
    listed = rows
    if show != "active":
        listed = job_rows(actor, list(jobs_service.jobs_of(actor, show)[:MAX_ROWS]))
    return Drawer(rows, listed, show, jobs_service.done_today(actor), is_open)


def job_rows(actor: Actor, jobs: list[Job]) -> list[JobRow]:
    """Rows for `jobs`; what may be done to them is found out for all of them at once."""
    found = rights(actor, jobs_service.with_machines(actor, jobs))
    return [_row(job, found) for job in jobs]


def job_title(job: Job) -> str:
    """What the job does, in the reader's language."""
    return gettext(TITLES.get(job.kind, "%(name)s")) % {"name": job.subject_name}


def job_error(job: Job) -> str:
    """Why it failed, in the reader's language; "" when nothing did."""
    if not job.error_template or job.state == JobState.CANCELLED:
        return ""
    text = gettext(job.error_template)
    return text % job.error_params if job.error_params else text


def _row(job: Job, found: Rights) -> JobRow:
    may_change = found.may("job.cancel", job)
    may_again = may_change and (job.kind not in ACTIONS or found.may(job.kind, job))
    state = JobState(job.state)
    failed = state in jobs_service.FAILED
    return JobRow(
        id=job.pk,
        vm_id=job.vm_id if job.kind != "vm.delete" or state != JobState.DONE else None,
        title=job_title(job),
        state=job.state,
        shape=_SHAPES.get(state, job.state),
        tag="" if state == JobState.RUNNING else gettext(state.label),
        tag_kind=_TAG_KINDS.get(state, ""),
        by=job.created_by_name,
        at=job.created_at,
        percent=job.percent,
        told=show_copy(job.args.get("told", {})),
        step=_step(job),
        steps=[_step_row(job, i, step) for i, step in enumerate(job.steps, start=1)],
        error=job_error(job),
        advice=_advice(job) if failed else "",
        raw=job.error_raw if failed else "",
        is_active=job.is_active,
        can_cancel=may_change and jobs_service.can_cancel(job),
        can_retry=may_again and state in jobs_service.RETRYABLE and job.dismissed_at is None,
        can_dismiss=may_change and failed and job.dismissed_at is None,
    )


def _step(job: Job) -> int:
    """The step under way, from 1; while undoing the one being undone."""
    return job.ended if job.state == JobState.UNDOING else job.begun


def _step_row(job: Job, number: int, step: dict[str, Any]) -> StepRow:
    title = gettext(step["title"])
    if number == _step(job) and job.is_active:
        words = (
            gettext("Undoing step %(n)s of %(of)s: %(what)s")
            if job.state == JobState.UNDOING
            else gettext("Step %(n)s of %(of)s: %(what)s")
        )
        return StepRow(words % {"n": number, "of": len(job.steps), "what": title}, "changing")
    return StepRow(title, "done" if number <= job.ended and job.state != JobState.UNDOING else "todo")


def _advice(job: Job) -> str:
    advice = _STUCK if job.state == JobState.STUCK else _ADVICE.get(job.error_code, "")
    return gettext(advice) if advice else ""
