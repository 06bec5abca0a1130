"""In Chromium: the drawer of jobs follows them, whatever comes while it is on its way."""

from typing import Any

from django.test import Client
from playwright.sync_api import Page, Route, expect

from tests.cast import Site
from tests.frontend.controller import controller
from tests.frontend.test_web_browser import (
    Visit,
    before_the_controller,
    browser,
    job,
    pytestmark,
    settled,
    visit,
)
from vrabec.lib.clock import now
from vrabec.models.changes import announce
from vrabec.models.jobs import Job, JobState
from vrabec.services import vms

__all__ = ["before_the_controller", "browser", "controller", "pytestmark", "visit"]


def test_a_job_moves_in_the_drawer_and_its_failure_is_announced_once(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    running = job(site, JobState.RUNNING)
    announce([("job", running.pk)])
    page.locator("#jobs > summary").click()
    row = page.locator(f"#job-{running.pk}")
    expect(row).to_contain_text("Step 2 of 3: Create the disk")
    expect(page.locator("#pill")).to_contain_text("1 running")
    Job.objects.filter(pk=running.pk).update(percent=80)
    announce([("job", running.pk)])
    expect(row.locator("progress")).to_have_js_property("value", 80)
    expect(page.locator("[data-pill-percent]")).to_have_text("80\u202f%")
    Job.objects.filter(pk=running.pk).update(state=JobState.FAILED, error_template="The host refused.")
    announce([("job", running.pk)])
    expect(page.locator("#announce")).to_have_text("Start web: The host refused.")
    expect(row.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.locator("#pill")).to_contain_text("1 failed")
    row.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#pill")).not_to_contain_text("failed")


def test_the_drawer_shows_what_is_active_all_or_ones_own(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    failed = job(site, JobState.FAILED, error_template="The host refused.")
    done = job(site, JobState.DONE, created_by=site.administrator.user)
    announce([("job", failed.pk)])
    page.locator("#jobs > summary").click()
    expect(page.locator(f"#job-{failed.pk}")).to_be_visible()
    expect(page.locator(f"#job-{done.pk}")).to_have_count(0)
    tabs = page.locator("#jobs-which")
    expect(tabs.get_by_role("link", name="Active 1")).to_have_attribute("aria-current", "true")
    tabs.get_by_role("link", name="Mine").click()
    expect(page.locator(f"#job-{done.pk}")).to_be_visible()
    expect(page.locator(f"#job-{failed.pk}")).to_have_count(0)
    expect(tabs.get_by_role("link", name="Mine")).to_be_focused()
    page.goto("/account")
    expect(page.locator(f"#job-{done.pk}")).to_be_visible()
    tabs.get_by_role("link", name="All").click()
    expect(page.locator("#jobs-body .job")).to_have_count(2)
    running = job(site, JobState.RUNNING)
    announce([("job", running.pk)])
    expect(page.locator(f"#job-{running.pk}")).to_contain_text("Step 2 of 3")
    expect(page.locator("#pill")).to_contain_text("1 running")
    Job.objects.filter(pk=running.pk).update(state=JobState.DONE)
    announce([("job", running.pk)])
    expect(page.locator(f"#job-{running.pk}")).to_contain_text("Done")
    expect(page.locator("#pill")).not_to_contain_text("running")


class Held:
    """The next drawer that the page fetches, as it was when it was asked for, on its way until `release`."""

    def __init__(self, page: Page, site: Site) -> None:
        self._page = page
        self._client = Client()
        self._client.force_login(site.administrator.user)
        self._came: list[tuple[Route, Any]] = []
        page.route("**/jobs/drawer*", self._hold, times=1)

    def _hold(self, route: Route) -> None:
        self._came.append((route, self._client.get("/jobs/drawer", secure=True)))

    def wait(self) -> None:
        """Until the controller has answered."""
        while not self._came:
            self._page.wait_for_timeout(20)

    def release(self) -> None:
        """Let it arrive."""
        [(route, answer)] = self._came
        route.fulfill(body=answer.content, content_type=answer["Content-Type"])


def test_a_job_that_ends_while_the_drawer_is_on_its_way_is_not_left_in_it(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    held = Held(page, site)
    running = job(site, JobState.RUNNING)
    announce([("job", running.pk)])
    held.wait()
    Job.objects.filter(pk=running.pk).update(state=JobState.DONE, finished_at=now())
    announce([("job", running.pk)])
    settled(page)
    held.release()
    expect(page.locator("#jobs-now .today")).to_contain_text("1 done today")
    expect(page.locator("[data-job]")).to_have_count(0)


def test_a_list_does_not_wait_for_the_drawer(visit: Visit, site: Site) -> None:
    page = visit.open("/?q=fresh")
    settled(page)
    held = Held(page, site)
    announce([("job", job(site, JobState.RUNNING).pk)])
    held.wait()
    wish: Any = site.wish(name="fresh")
    vms.create_vm(site.administrator.actor, wish=wish)
    expect(page.locator("tbody tr")).to_have_count(1)
    held.release()
    expect(page.locator("#jobs-now [data-job]")).to_be_visible()
