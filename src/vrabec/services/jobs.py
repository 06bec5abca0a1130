"""Jobs as people see them: list, cancel, retry, dismiss."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet, prefetch_related_objects

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, NotFound, WrongState
from vrabec.models.composed import composed, counts
from vrabec.models.grants import has_way_past_projects
from vrabec.models.jobs import ACTIVE, Job, JobQuerySet, JobState
from vrabec.services.permissions import ACTIONS, may, refused
from vrabec.services.queue import announce_job, queue
from vrabec.services.record import record
from vrabec.services.verbs import lease_over

SHOWN = ("active", "all", "mine")
FAILED = (JobState.FAILED, JobState.STUCK)
RETRYABLE = (JobState.FAILED, JobState.CANCELLED, JobState.STUCK)


def list_jobs(actor: Actor) -> JobQuerySet:
    """The jobs that `actor` sees, newest first."""
    return Job.objects.visible_to(actor).order_by("-id")


def open_jobs(actor: Actor) -> JobQuerySet:
    """Jobs that run, and failed ones nobody has dismissed: what the drawer calls active."""
    return list_jobs(actor).filter(Q(state__in=ACTIVE) | Q(state__in=FAILED, dismissed_at=None))


def few_open_jobs(actor: Actor, most: int) -> list[Job]:
    """The newest of `open_jobs`: every page shows them."""
    found = composed(_newest_open, actor.viewpoint, most)
    return list(Job.objects.raw(found.text, found.values)) if found.text else []


def _newest_open(actor: Actor, most: int) -> JobQuerySet:
    return open_jobs(actor)[:most]


def with_machines(actor: Actor, jobs: list[Job]) -> list[Job]:
    """These jobs with their machines and hosts in memory, where what `actor` may do hangs on them."""
    if has_way_past_projects(actor, "job.cancel") or actor.held.withheld:
        prefetch_related_objects(jobs, "vm__host")
    return jobs


def jobs_of(actor: Actor, which: str) -> JobQuerySet:
    """One of SHOWN: what is active, all, or what `actor` asked for."""
    if which == "active":
        return open_jobs(actor)
    return list_jobs(actor).filter(created_by_id=actor.user_id) if which == "mine" else list_jobs(actor)


def done_today(actor: Actor) -> int:
    """How many jobs ended well in the last 24 hours."""
    since = now().replace(second=0, microsecond=0) - timedelta(days=1)
    [count] = counts([composed(_done_since, actor.viewpoint, since)])
    return count


def _done_since(actor: Actor, since: datetime) -> QuerySet[Job, Any]:
    found = Job.objects.visible_to(actor).filter(state=JobState.DONE, finished_at__gte=since)
    return found.values_list("pk")


def get_job(actor: Actor, *, job_id: int) -> Job:
    """The job of this id. Raises NotFound also when it is not for `actor` to see."""
    job = Job.objects.visible_to(actor).filter(pk=job_id).first()
    if job is None:
        raise NotFound("There is no job with this id.")
    return job


def may_change(actor: Actor, job: Job, action: str) -> bool:
    """Whether `actor` may cancel, retry or dismiss `job`, today."""
    return may(actor, action, job)


def can_cancel(job: Job) -> bool:
    """Whether a cancel still helps: before the point of no return, and not while undoing."""
    passed = job.no_return is not None and job.begun > job.no_return
    return job.state in (JobState.QUEUED, JobState.RUNNING) and not passed and not job.cancel_asked


def cancel_job(actor: Actor, *, job: Job) -> Job:
    """Ask a job and its parts to stop and undo. Raises WrongState past its point of no return, Forbidden."""
    _require(actor, job, "job.cancel")
    with transaction.atomic():
        if not ask_to_stop(Job.objects.filter(pk=job.pk)):
            raise WrongState("It is too late to cancel: the job is past its point of no return or has ended.")
        record(actor, "job.cancel", of=job, job=job)
        announce_job(job)
        # Not left to the job: it may wait for a thread that its parts have.
        ask_to_stop(Job.objects.filter(parent=job))
    return Job.objects.get(pk=job.pk)


def ask_to_stop(jobs: JobQuerySet) -> int:
    """Ask those of `jobs` to stop that still can; how many they are."""
    before = Q(no_return=None) | Q(begun__lte=F("no_return"))
    active = jobs.filter(before, state__in=(JobState.QUEUED, JobState.RUNNING))
    return active.update(cancel_asked=True, not_before=None)


def retry_job(actor: Actor, *, job: Job) -> Job:
    """Do a failed job again; a stuck one goes on where it stuck.

    Who does a job again may do what it does: not somebody else's deletion, say. Raises WrongState, Conflict,
    Forbidden.
    """
    _require(actor, job, "job.retry")
    if job.kind in ACTIONS:
        _require(actor, job, job.kind)
    if job.vm and job.kind in ("vm.start", "vm.resume") and job.vm.is_lease_over:
        raise lease_over(job.vm)
    if job.kind in ("vm.create", "vm.clone") and job.vm and job.vm.project_id is None:
        raise WrongState("The project of %(name)s was removed.", name=job.subject_name)
    if job.state not in RETRYABLE:
        raise WrongState("Only a job that failed, was cancelled or is stuck can be retried.")
    with transaction.atomic():
        again = _go_on(job) if job.state == JobState.STUCK else _copy(actor, job)
        Job.objects.filter(pk=job.pk).exclude(pk=again.pk).update(dismissed_at=now())
        record(actor, "job.retry", of=job, job=again)
        announce_job(again)
        announce_job(job)
    return again


def dismiss_job(actor: Actor, *, job: Job) -> None:
    """Take a failed job out of the drawer; it stays in the record."""
    _require(actor, job, "job.dismiss")
    if job.is_active:
        raise WrongState("The job still runs; cancel it instead.")
    Job.objects.filter(pk=job.pk).update(dismissed_at=now())
    announce_job(job)


def _copy(actor: Actor, job: Job) -> Job:
    fresh = Job(
        kind=job.kind,
        vm_id=job.vm_id,
        host_id=job.host_id,
        template_id=job.template_id,
        project_id=job.project_id,
        subject_name=job.subject_name,
        args=job.args,
    )
    return queue(actor, fresh)


def _go_on(job: Job) -> Job:
    forward = job.no_return is not None and job.begun > job.no_return
    state = JobState.RUNNING if forward else JobState.UNDOING
    try:
        with transaction.atomic():
            stuck = Job.objects.filter(pk=job.pk, state=JobState.STUCK)
            stuck.update(state=state, tries=0, owner="", finished_at=None, dismissed_at=None)
    except IntegrityError as error:
        raise Conflict("Another job works on %(name)s.", name=job.subject_name) from error
    return Job.objects.get(pk=job.pk)


def _require(actor: Actor, job: Job, action: str) -> None:
    if not may_change(actor, job, action):
        raise refused(actor, action)
