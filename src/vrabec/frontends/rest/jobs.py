"""/jobs: what runs, what ran, and how to stop or repeat it."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import JobOut, LineOut, Page, PerPage, answers
from vrabec.services import jobs

router = Router(tags=["jobs"], auth=AUTH)


class JobPage(Schema):
    """One page of jobs, newest first."""

    items: list[JobOut]
    total: int
    page: int
    per_page: int


@router.get("/jobs", response=answers({200: JobPage}), operation_id="list_jobs")
@action("job.list")
def index(request: HttpRequest, active: bool = False, page: Page = 1, per_page: PerPage = 50) -> JobPage:
    """Jobs you may see; `active` leaves those that run, and failed ones nobody has dismissed."""
    rows = jobs.open_jobs(actor(request)) if active else jobs.list_jobs(actor(request))
    shown = rows[(page - 1) * per_page : page * per_page]
    items = [JobOut.of(job) for job in shown]
    return JobPage(items=items, total=rows.count(), page=page, per_page=per_page)


@router.get("/jobs/{job_id}", response=answers({200: JobOut}), operation_id="get_job")
@action("job.view")
def show(request: HttpRequest, job_id: int) -> JobOut:
    """One job."""
    return JobOut.of(jobs.get_job(actor(request), job_id=job_id))


@router.get("/jobs/{job_id}/log", response=answers({200: list[LineOut]}), operation_id="get_job_log")
@action("job.view")
def log(request: HttpRequest, job_id: int) -> list[LineOut]:
    """The job's log, oldest line first, 1,000 lines at most."""
    lines = jobs.get_job(actor(request), job_id=job_id).lines.order_by("id")[:1000]
    return [LineOut(at=line.at, step=line.step, message=line.message) for line in lines]


@router.post("/jobs/{job_id}/cancel", response=answers({202: JobOut}), operation_id="cancel_job")
@action("job.cancel")
def cancel(request: HttpRequest, job_id: int) -> Status[JobOut]:
    """Stop a job and undo what it did."""
    who = actor(request)
    return Status(202, JobOut.of(jobs.cancel_job(who, job=jobs.get_job(who, job_id=job_id))))


@router.post("/jobs/{job_id}/retry", response=answers({202: JobOut}), operation_id="retry_job")
@action("job.retry")
def retry(request: HttpRequest, job_id: int) -> Status[JobOut]:
    """Do a failed job again; a stuck one goes on where it stuck."""
    who = actor(request)
    return Status(202, JobOut.of(jobs.retry_job(who, job=jobs.get_job(who, job_id=job_id))))


@router.post("/jobs/{job_id}/dismiss", response=answers({204: None}), operation_id="dismiss_job")
@action("job.dismiss")
def dismiss(request: HttpRequest, job_id: int) -> Status[None]:
    """Take a failed job out of the drawer."""
    who = actor(request)
    jobs.dismiss_job(who, job=jobs.get_job(who, job_id=job_id))
    return Status(204, None)
