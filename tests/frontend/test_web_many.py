"""In Chromium: many machines chosen by keys and on a phone, and Ctrl K, by keyboard alone."""

import re
import time

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.cast import Site
from tests.e2e.chromium import PHONE
from tests.frontend.controller import Controller, controller
from tests.frontend.test_web_browser import (
    AXE,
    Visit,
    before_the_controller,
    browser,
    busy,
    pytestmark,
    settled,
    visit,
)
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services import facts

__all__ = ["before_the_controller", "browser", "busy", "controller", "pytestmark", "visit"]


def chosen(page: Page) -> int:
    return page.locator("[data-pick]:checked").count()


def test_rows_are_chosen_by_keys_ranges_and_all_that_match(visit: Visit, busy: Site) -> None:
    page = visit.open("/?sort=name")
    settled(page)
    page.locator("tr .row-name").nth(2).focus()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    page.locator("tr .row-name").nth(5).focus()
    page.keyboard.press("Shift+X")
    expect(page.locator("[data-bulk-count]")).to_have_text("4 selected")
    page.locator("[data-pick-page]").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("50 selected")
    page.get_by_role("button", name="Select all 63 that match").click()
    expect(page.locator("[data-bulk-count]")).to_have_text("63 selected")
    page.keyboard.press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()
    assert chosen(page) == 0


PRESS_AT_LOAD = """addEventListener("load", () =>
    document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "x", bubbles: true})))"""


def late(route: Route) -> None:
    time.sleep(0.5)
    route.continue_()


def test_a_key_pressed_the_moment_the_page_has_loaded_is_heard(visit: Visit, site: Site) -> None:
    page = visit.context.new_page()
    page.add_init_script(PRESS_AT_LOAD)
    page.route("**/js/bulk.js", late)
    page.goto("/")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")


def test_rows_that_come_after_an_empty_list_can_be_chosen(visit: Visit, site: Site) -> None:
    page = visit.open("/?q=nothing")
    expect(page.get_by_text("No machine matches")).to_be_visible()
    page.locator("#search").fill("web")
    page.locator("tr .row-name").focus()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")


def test_the_bar_follows_what_changes_and_what_was_chosen_outlives_a_refresh(
    visit: Visit, site: Site
) -> None:
    page = visit.open("/")
    settled(page)
    page.locator("[data-pick]").check()
    expect(page.locator("#bulk").get_by_role("button", name="Start")).to_be_visible()
    page.locator("h1").click()
    facts.write_vm(site.vm.pk, seen=Seen.RUNNING)
    expect(page.locator("#bulk").get_by_role("button", name="Shut down").first).to_be_visible()
    page.evaluate("htmx.ajax('GET', location.href, {target: '#list', swap: 'innerHTML'})")
    expect(page.locator("#bulk").get_by_role("button", name="Shut down").first).to_be_visible()
    assert chosen(page) == 1


def test_a_phone_shows_boxes_when_asked_and_the_bar_at_the_bottom(
    browser: Browser, controller: Controller, busy: Site
) -> None:
    visit = Visit(browser, controller.url, busy.administrator.user, viewport=PHONE, bypass_csp=True)
    page = visit.open("/")
    settled(page)
    expect(page.locator("[data-pick]").first).to_be_hidden()
    page.locator("tr[data-row]").nth(4).click()
    expect(page).to_have_url(re.compile(r"/machines/\d+$"))
    page.go_back()
    settled(page)
    page.get_by_role("button", name="Select", exact=True).click()
    page.locator("tr[data-row]").nth(4).click()
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    place, jobs = page.locator("#bulk").bounding_box(), page.locator("#jobs").bounding_box()
    assert place
    assert jobs
    assert place["y"] + place["height"] == pytest.approx(jobs["y"], abs=2)
    assert page.evaluate("document.body.scrollWidth") <= PHONE["width"]
    assert grave(page) == []
    page.locator("#bulk").get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#bulk")).to_be_hidden()
    expect(page.locator("[data-pick]").first).to_be_hidden()
    visit.context.close()


def grave(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")
    return [rule["id"] for rule in found["violations"] if rule["impact"] in ("serious", "critical")]


def test_ctrl_k_acts_jumps_and_refuses_by_keyboard_alone(
    browser: Browser, controller: Controller, site: Site
) -> None:
    visit = Visit(browser, controller.url, site.administrator.user, bypass_csp=True)
    page = visit.open("/templates")
    settled(page)
    page.keyboard.press("Control+k")
    words = page.get_by_role("combobox", name="Search or run")
    expect(words).to_be_focused()
    page.keyboard.type("stop web")
    refused = page.get_by_role("option", name="Shut down web")
    expect(refused).to_have_attribute("aria-disabled", "true")
    expect(refused).to_contain_text("web is off.")
    assert grave(page) == []
    page.keyboard.press("Escape")
    expect(words).to_have_attribute("aria-expanded", "false")
    words.fill("start web")
    expect(page.get_by_role("option", name="Start web").first).to_have_attribute("aria-selected", "true")
    assert words.get_attribute("aria-activedescendant") == "find-0"
    page.keyboard.press("Enter")
    expect(page.locator("#pill")).to_contain_text("1 running")
    assert Job.objects.get().kind == "vm.start"
    page.keyboard.press("Control+k")
    page.keyboard.type("web")
    page.keyboard.press("Enter")  # before the answer is drawn
    expect(page).to_have_url(f"{visit.url}/machines/{site.vm.pk}")
    assert visit.complaints == []
    visit.context.close()


def test_ctrl_k_asks_before_something_is_lost(visit: Visit, site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    page = visit.open("/")
    settled(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("delete web")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Delete web?")).to_be_visible()
    assert not Job.objects.exists()


def test_a_view_is_kept_from_the_list_in_a_dialog(visit: Visit, busy: Site) -> None:
    page = visit.open("/?q=vm-0&state=running")
    settled(page)
    page.locator("summary", has_text="Saved views").click()
    page.get_by_role("link", name="Save this view …").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Search")).to_have_value("vm-0 state:running")
    dialog.get_by_label("Name").fill("First ten")
    dialog.get_by_role("button", name="Save").click()
    expect(page).to_have_url(
        f"{visit.url}/?q=vm-0+state%3Arunning&cols=host.project.address.cpu.memory.disk&per_page=50"
    )
    expect(page.locator("tr[data-row]")).to_have_count(10)
    page.goto("/")
    page.locator("summary", has_text="Saved views").click()
    page.get_by_role("link", name="First ten").click()
    expect(page.locator("tr[data-row]")).to_have_count(10)


def test_columns_are_chosen_in_a_menu(visit: Visit, site: Site) -> None:
    page = visit.open("/")
    settled(page)
    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Template").check()
    page.get_by_role("checkbox", name="Memory").uncheck()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="Template")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Memory")).to_have_count(0)


NARROW = {"width": 1024, "height": 700}
SWIPED = "(box) => [box.scrollWidth > box.clientWidth, document.scrollingElement.scrollWidth]"


def test_a_chosen_column_stays_on_a_narrow_screen_and_the_table_is_swiped(visit: Visit, busy: Site) -> None:
    page = visit.open("/?cols=host.project.cpu.memory.template.mac.created")
    page.set_viewport_size(NARROW)
    for title in ("Template", "MAC address", "Created"):
        expect(page.get_by_role("columnheader", name=title)).to_be_visible()
    expect(page.get_by_role("columnheader", name="Project")).to_be_hidden()
    name = page.get_by_role("columnheader", name="Name").bounding_box()
    assert name
    assert name["width"] >= 100
    assert page.locator(".list-box").evaluate(SWIPED) == [True, NARROW["width"]]


def test_usual_columns_give_way_so_that_nothing_is_swiped(visit: Visit, busy: Site) -> None:
    page = visit.open("/")
    for width in (1440, 1280, 1100, 1024, 992):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.locator(".list-box").evaluate(SWIPED) == [False, width]


def test_rows_a_page_are_chosen_in_the_foot_and_kept(visit: Visit, busy: Site) -> None:
    page = visit.open("/?sort=name&page=2")
    expect(page.locator("tr[data-row]")).to_have_count(13)
    page.locator("summary", has_text="50 a page").click()
    page.get_by_role("button", name="100 a page").click()
    expect(page.locator("tr[data-row]")).to_have_count(63)
    expect(page).to_have_url(f"{visit.url}/?sort=name")
    page.goto("/")
    expect(page.locator("summary", has_text="100 a page")).to_be_visible()
    page.locator("#search").fill("vm-0")
    expect(page.locator("tr[data-row]")).to_have_count(10)


def test_a_search_keeps_what_the_address_chose(visit: Visit, busy: Site) -> None:
    page = visit.open("/?cols=cpu&per_page=200")
    page.locator("#search").fill("vm-0")
    expect(page.locator("tr[data-row]")).to_have_count(10)
    expect(page.get_by_role("columnheader")).to_have_count(4)
    expect(page.locator("summary", has_text="200 a page")).to_be_visible()
