"""The fleet's pages clicked through in Chromium, on three hosts; what runs where is asked of the hosts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import DESK, PHONE, Person
from tests.e2e.fleet import Fleet
from tests.e2e.test_browser import choose
from tests.e2e.test_pages import AXE, SERIOUS, SIDEWAYS
from tests.e2e.waiting import wait_until

NOWHERE: dict[str, list[str]] = {"kvm1": [], "kvm2": [], "kvm3": []}


@pytest.fixture(scope="module")
def controller() -> Iterator[Fleet]:
    """A Vrabec of this module's own, in the place of the one with a single host."""
    with Fleet() as running:
        yield running


@pytest.fixture
def fleet(controller: Fleet) -> Iterator[Fleet]:
    """Without machines before and after."""
    yield controller
    controller.clear()


def is_well(page: Page) -> None:
    """As it is, on a phone and on a desk: accessible, and nothing scrolls sideways."""
    page.evaluate(AXE)
    for screen in (PHONE, DESK):
        page.set_viewport_size({"width": screen["width"], "height": screen["height"]})
        assert page.evaluate(SERIOUS) == []
        assert page.evaluate(SIDEWAYS) == []


def forge(page: Page, selector: str, value: str) -> None:
    """Change what a choice sends, as no click could."""
    page.locator(selector).evaluate("(element, value) => { element.value = value; }", value)


def test_a_move_is_chosen_seen_cancelled_and_made_by_clicks(ada: Person, fleet: Fleet) -> None:
    vm_id = fleet.runs("heron", slowly=True)
    page = ada.open(f"/machines/{vm_id}")
    expect(page.locator(".object-title")).to_contain_text("kvm1")
    page.locator("#jobs > summary").click()
    every_host_says_what_is_in_the_way(page)
    a_host_that_is_not_there_is_named(page)
    it_is_seen_moving(page)
    page.locator("#jobs-body").get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobs-body .job")).to_have_count(0)
    expect(page.locator(".object-title [data-cell=state]")).to_have_attribute("data-state", "running")
    assert fleet.virsh == NOWHERE | {"kvm1": ["heron"]}

    fleet.hurry("heron")
    choose(page, "Move …")
    page.get_by_role("dialog").get_by_role("radio", name="kvm2").check()
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.locator(".object-title").get_by_role("link", name="kvm2")).to_be_visible()
    assert fleet.virsh == NOWHERE | {"kvm2": ["heron"]}
    ada.forgive("status of 422")


def every_host_says_what_is_in_the_way(page: Page) -> None:
    choose(page, "Move …")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio").and_(dialog.locator("[name=to]"))).to_have_count(4)
    for name, words in (
        ("kvm1", "It runs there already."),
        ("kvm2", "of memory left"),
        ("kvm3", "It has no network default."),
    ):
        expect(dialog.locator(".target").filter(has_text=name)).to_contain_text(words)
    for name, is_free in (("kvm1", False), ("kvm2", True), ("kvm3", False)):
        assert dialog.get_by_role("radio", name=name).is_enabled() == is_free
    is_well(page)


def a_host_that_is_not_there_is_named(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="kvm2").check()
    forge(page, "[name=to]:checked", "nowhere")
    dialog.get_by_role("button", name="Move").click()
    expect(dialog.get_by_text("There is no host named nowhere.")).to_be_visible()


def it_is_seen_moving(page: Page) -> None:
    """Bytes, rate and time left, drawn anew as it goes on."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="kvm2").check()
    dialog.get_by_role("button", name="Move").click()
    told = page.locator("#jobs-body [data-job-told]")
    expect(told).to_have_text(re.compile(r"^[\d.]+ MiB / \d+ MiB · [\d.]+ [kM]B/s · \d+ (s|min) left$"))
    page.evaluate("window.drawn = 'once'")
    before = told.inner_text()
    expect(told).not_to_have_text(before)
    is_well(page)
    assert page.evaluate("window.drawn") == "once"


def test_a_cluster_is_looked_at_changed_and_balanced_by_clicks(ada: Person, fleet: Fleet) -> None:
    ids = {name: fleet.runs(name) for name in ("wren", "lark", "finch")}
    page = ada.open("/hosts")
    is_well(page)
    its_settings_say_what_is_wrong(page)
    page.get_by_role("link", name="Capacity of default").click()
    expect(page.get_by_role("row").filter(has_text="kvm1")).to_contain_text("3")
    is_well(page)
    page.get_by_role("link", name="Balance").click()
    expect(page.get_by_text("One move brings the spread from")).to_be_visible()
    is_well(page)
    nothing_chosen_is_refused(page)
    [moved] = [name for name in ids if page.get_by_role("checkbox", name=f"Move {name}").is_visible()]
    page.get_by_role("button", name="Move the chosen machines").click()
    expect(page.get_by_text("1 machine moves.")).to_be_visible()
    stays = sorted(ids.keys() - {moved})
    wait_until(lambda: fleet.virsh == NOWHERE | {"kvm1": stays, "kvm2": [moved]}, "it has moved")
    ada.forgive("status of 422")


def its_settings_say_what_is_wrong(page: Page) -> None:
    page.get_by_role("link", name="Settings of default").click()
    dialog = page.get_by_role("dialog")
    for label, wrong, said, right in (
        ("Memory that may be promised", "9", "Choose from 0.1 to 4.0.", "1"),
        ("Balance every", "745", "Choose from 0 to 744.", "0"),
        ("By at most", "some", "Write a whole number, such as 5.", "5"),
    ):
        dialog.get_by_label(label).fill(wrong)
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.locator(".field.is-refused")).to_contain_text(said)
        assert dialog.get_by_label(label).input_value() == wrong
        dialog.get_by_label(label).fill(right)
    is_well(page)
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)


def nothing_chosen_is_refused(page: Page) -> None:
    box = page.get_by_role("checkbox", name="Move ")
    box.uncheck()
    page.get_by_role("button", name="Move the chosen machines").click()
    expect(page.get_by_text("Choose at least one move.")).to_be_visible()


def test_a_host_is_emptied_and_filled_again_by_clicks(ada: Person, fleet: Fleet) -> None:
    fleet.runs("wren")
    page = ada.open("/hosts")
    state = page.get_by_role("row").filter(has_text="kvm1").locator("[data-cell=state]")
    page.get_by_role("link", name="Maintenance … of kvm1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("One machine moves")
    expect(dialog).to_contain_text("to kvm2, 32 MiB")
    is_well(page)
    dialog.get_by_role("button", name="Begin maintenance").click()
    expect(state).to_have_attribute("data-state", "maintenance")
    wait_until(lambda: fleet.virsh == NOWHERE | {"kvm2": ["wren"]}, "it is empty")
    wait_until(lambda: not page.locator("#jobs-now [data-job]").count(), "nothing works any more")
    page.get_by_role("link", name="Resume … of kvm1").click()
    expect(dialog).to_contain_text("One that was moved away comes back")
    is_well(page)
    dialog.get_by_role("button", name="End maintenance").click()
    expect(state).to_have_attribute("data-state", "online")
    wait_until(lambda: fleet.virsh == NOWHERE | {"kvm1": ["wren"]}, "it is back")
