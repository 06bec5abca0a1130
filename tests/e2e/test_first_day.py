"""A student's first day, in Chromium: from the sign-in link to a longer lease, a real machine between."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.e2e.chromium import Person
from tests.e2e.controller import PASSWORD, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.test_consoles import connected
from vrabec.lib.clock import now

COURSE = "course"
STUDENT = "j.novak"
DAYS, MOST_DAYS = 30, 90


@contextmanager
def enrolled(controller: Controller) -> Iterator[str]:
    """A student who may make one machine in a project with leases; the link that they were sent."""
    with controller.client() as client:
        client.create_project(COURSE)
        client.set_lease(COURSE, DAYS, most_days=MOST_DAYS)
        user = client.create_user(STUDENT, full_name="Jan Novák")
        client.set_quota("user", STUDENT, vms=1)
        client.give("cloner", user=STUDENT, project=COURSE)
        yield user["path"]
        client.drop_quota("user", STUDENT)
        client.remove_user(user["id"])
        client.drop_lease(COURSE)


def test_a_students_first_day(
    stranger: Person, controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    with enrolled(controller) as link:
        page = signs_in(stranger, controller, link)
        makes_a_machine(page, "thesis")
        assert on_host.domains() == {f"{COURSE}.thesis": "running"}
        opens_its_console(page)
        is_told_of_the_quota(page)
        assert on_host.domains() == {f"{COURSE}.thesis": "running"}
        has_it_longer(page, controller)
        stranger.forgive("status of 409")
        stranger.complaints = [said for said in stranger.complaints if "Canvas2D" not in said]
        machines.delete_all()


def signs_in(stranger: Person, controller: Controller, link: str) -> Page:
    page = stranger.open(f"{controller.url}{link}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_url(f"{controller.url}/mine")
    expect(page.get_by_role("heading", name="You have no machine yet")).to_be_visible()
    return page


def makes_a_machine(page: Page, name: str) -> None:
    page.locator("main").get_by_role("link", name="New machine").click()
    expect(page.locator("input[name=template]")).to_have_count(1)
    expect(page.locator("select[name=project] option")).to_have_count(1)
    expect(page.locator("#lease-note")).to_contain_text(f"{DAYS} days, which you can extend")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create machine").click()
    expect(page).to_have_url(re.compile(r"/machines/\d+$"))
    expect(page.locator("[data-cell=ready]")).to_have_text("Answers")


def opens_its_console(page: Page) -> None:
    page.goto("/mine")
    page.locator(".machine-card").get_by_role("link", name="Console").first.click()
    connected(page)


def is_told_of_the_quota(page: Page) -> None:
    page.goto("/mine")
    page.locator("main").get_by_role("link", name="New machine").click()
    page.get_by_label("Name", exact=True).fill("second")
    page.get_by_role("button", name="Create machine").click()
    told = "You may have 1 machine and have 1 machine; this would take 1 machine more."
    expect(page.get_by_role("alert")).to_contain_text(told)
    expect(page.get_by_label("Name", exact=True)).to_have_value("second")


def has_it_longer(page: Page, controller: Controller) -> None:
    until = now().date() + timedelta(days=MOST_DAYS)
    page.goto("/mine")
    card = page.locator(".machine-card")
    expect(card).to_contain_text(f"{DAYS} days")
    card.locator("summary").click()
    card.get_by_role("link", name="Extend …").click()
    dialog = page.get_by_role("dialog", name="Extend the lease of thesis")
    dialog.get_by_label("It may run until").fill(until.isoformat())
    dialog.get_by_role("button", name="Extend").click()
    expect(card).to_contain_text(f"{MOST_DAYS} days")
    with controller.client() as client:
        assert client.find_vm("thesis")["lease_ends_at"] == f"{until.isoformat()}T12:00:00Z"
