"""Jobs: all of them, the drawer's content, and what can be done to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.drawer import drawer_of, job_rows, shown_in
from vrabec.frontends.web.pages import fragment, render
from vrabec.frontends.web.paging import paged
from vrabec.services import jobs


@page("job.list")
def index(request: PageRequest) -> HttpResponse:
    """Jobs: those that need somebody, all, or one's own."""
    wanted = request.GET.get("show", "active")
    wanted = wanted if wanted in jobs.SHOWN else "active"
    found, pager = paged(request, jobs.jobs_of(request.actor, wanted))
    context = {"rows": job_rows(request.actor, found), "pager": pager, "wanted": wanted}
    return render(request, "jobs/list.html", context)


@page("job.list")
def drawer(request: PageRequest) -> HttpResponse:
    """The drawer, its line and the pill, for a browser that heard of a change."""
    return fragment(request, "jobs/drawer.html", {"jobs": drawer_of(request.actor, show=shown_in(request))})


@page("job.cancel", methods=("POST",))
def cancel(request: PageRequest, job_id: int) -> HttpResponse:
    """Stop a job and undo what it did."""
    return _act(request, job_id, jobs.cancel_job)


@page("job.retry", methods=("POST",))
def retry(request: PageRequest, job_id: int) -> HttpResponse:
    """Do it again."""
    return _act(request, job_id, jobs.retry_job)


@page("job.dismiss", methods=("POST",))
def dismiss(request: PageRequest, job_id: int) -> HttpResponse:
    """Take a failed job out of the drawer."""
    return _act(request, job_id, jobs.dismiss_job)


def _act(request: PageRequest, job_id: int, service: Callable[..., Any]) -> HttpResponse:
    service(request.actor, job=jobs.get_job(request.actor, job_id=job_id))
    if is_fragment(request):
        return fragment(request, "parts/flash.html", {"flashes": []})
    return see_other(request, reverse("jobs"))
