"""In Chromium: what follows a form: bars of quotas, the lease of a project, the rows of a list."""

import pytest
from playwright.sync_api import Page, expect

from tests.cast import Site
from tests.frontend.controller import controller
from tests.frontend.test_web_browser import (
    Visit,
    before_the_controller,
    browser,
    pytestmark,
    settled,
    visit,
)
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.services.leases import day_in, end_on

__all__ = ["before_the_controller", "browser", "controller", "pytestmark", "visit"]


@pytest.fixture
def limited(site: Site) -> Site:
    """Alpha has 1 GiB and leases of 30 days, beta one machine at most and no lease."""
    Quota.objects.create(kind="project", project=site.project, memory_mib=1024, cpus=8)
    Quota.objects.create(kind="project", project=site.other, vms=1)
    Project.objects.filter(pk=site.project.pk).update(lease_days=30)
    return site


def left(page: Page, what: str) -> str:
    return page.locator(f"[data-limit={what}] [data-left]").inner_text()


def test_the_bars_of_a_new_machine_follow_its_size_and_its_project(visit: Visit, limited: Site) -> None:
    page = visit.open("/machines/new?project=alpha&size=tiny")
    settled(page)
    assert left(page, "memory_mib") == "0.6 of 1 GiB left"
    expect(page.locator(".tile.is-over")).to_have_count(2)
    page.locator("input[value=medium]").check(force=True)
    assert (left(page, "memory_mib"), left(page, "cpus")) == ("1.2 GiB over quota", "5 of 8 left")
    page.locator("input[value=custom]").check(force=True)
    page.get_by_role("textbox", name="CPUs").fill("8")
    assert left(page, "cpus") == "1 CPU over quota"
    page.get_by_role("textbox", name="Memory").fill("much")  # not read: it stays as it was
    assert left(page, "memory_mib") == "192 MiB over quota"
    page.get_by_label("Project").select_option("beta")
    expect(page.locator("[data-limit=vms] [data-left]")).to_have_text("0 of 1 left")
    expect(page.locator("[data-limit=memory_mib]")).to_have_count(0)
    expect(page.locator(".tile.is-over")).to_have_count(0)
    expect(page).to_have_url(f"{visit.url}/machines/new?project=alpha&size=tiny")
    assert visit.complaints == []


def test_the_bars_beside_a_machine_s_sizes_follow_what_is_typed(visit: Visit, limited: Site) -> None:
    page = visit.open(f"/machines/{limited.vm.pk}/hardware")
    settled(page)
    assert left(page, "memory_mib") == "0.8 of 1 GiB left"
    page.get_by_role("textbox", name="Memory").fill("1 GiB")
    assert left(page, "memory_mib") == "0 of 1 GiB left"
    page.get_by_role("textbox", name="Memory").fill("64 MiB")  # what shrinks leaves it as it is
    assert left(page, "memory_mib") == "0.8 of 1 GiB left"
    assert visit.complaints == []


def test_a_copy_s_lease_and_bars_follow_its_project_in_the_dialog(visit: Visit, limited: Site) -> None:
    page = visit.open(f"/machines/{limited.vm.pk}")
    settled(page)
    page.locator("#actions summary").click()
    page.get_by_role("link", name="Clone").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Empty: 30 days, which you can extend.")).to_be_visible()
    expect(dialog.locator("[data-limit=memory_mib] [data-left]")).to_have_text("0.6 of 1 GiB left")
    dialog.get_by_label("Project").select_option("beta")
    expect(dialog.get_by_label("Lease, in days")).to_be_hidden()
    expect(dialog.locator("[data-limit=vms] [data-left]")).to_have_text("0 of 1 left")
    dialog.get_by_label("Project").select_option("alpha")
    expect(dialog.get_by_label("Lease, in days")).to_be_visible()
    assert visit.complaints == []


def test_many_are_extended_from_the_bar_and_their_rows_say_so(visit: Visit, limited: Site) -> None:
    for name in ("lab-1", "lab-2"):
        limited.make_vm(name, lease_ends_at=end_on(day_in(3)))
    page = visit.open("/?q=lab&cols=lease")
    settled(page)
    expect(page.get_by_text("in 3 days")).to_have_count(2)
    page.locator("[data-pick-page]").check()
    page.locator("#bulk summary").click()
    page.locator("#bulk").get_by_role("button", name="Extend").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("They may run until")).to_have_value(day_in(30).isoformat())
    dialog.get_by_label("They may run until").fill(day_in(5).isoformat())
    dialog.get_by_role("button", name="Extend 2 machines").click()
    expect(page.get_by_text("Extend 2 of 2.")).to_be_visible()
    expect(page.get_by_text("in 5 days")).to_have_count(2)
    expect(dialog).to_be_hidden()
    assert visit.complaints == []
