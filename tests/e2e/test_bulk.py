"""Thirty machines of a real host by the bar over the list: chosen by mouse and keys, and seen on the host."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import Person
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until

OURS, FOUND = 2, 28
ALL = OURS + FOUND


@pytest.fixture
def flock(machines: Machines, on_host: OnHost) -> Iterator[None]:
    """Two machines of ours that run, and 28 of somebody else that are off and have nothing to boot from."""
    with ExitStack() as stack:
        for number in range(FOUND):
            stack.enter_context(on_host.foreign(f"flock-{number:02d}", network=""))
        for number in range(FOUND, ALL):
            queued = machines.client.create_vm(f"flock-{number}")
            assert machines.ended(queued["job"]["id"])["state"] == "done"
        wait_until(lambda: len(machines.present()) == ALL, "all are shown")
        yield


def test_thirty_machines_are_started_powered_off_and_deleted_by_the_bar(
    ada: Person, flock: None, on_host: OnHost
) -> None:
    page = ada.open("/?q=flock&sort=name")
    choose_all(page)
    expect(page.locator("[data-bulk-count]")).to_have_text("30 selected")
    page.locator("#bulk").get_by_role("button", name=re.compile("^Start")).click()
    expect(page.locator("#flash")).to_contain_text("Start 28 of 30: 2 run already.")
    expect(page.locator("#bulk")).to_be_hidden()
    wait_until(lambda: states(on_host) == {"running": ALL}, "all run on the host")
    expect(page.locator("tr [data-cell=state][data-state=off]")).to_have_count(0)
    wait_until(lambda: not busy(page), "no job works on them any more")

    page.locator("[data-pick-page]").check()
    page.locator("#bulk summary").click()
    page.get_by_role("button", name="Power off …").click()
    expect(page.get_by_role("heading", name="Power off 30 machines?")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Power off 30 machines").click()
    expect(page.locator("#flash")).to_contain_text("Power off 30 of 30.")
    wait_until(lambda: states(on_host) == {"off": ALL}, "all are off on the host")
    wait_until(lambda: not busy(page), "no job works on them any more")

    page.locator("[data-pick-page]").check()
    page.locator("#bulk").get_by_role("button", name="Delete …").last.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Delete 2 of 30: 28 were not made by Vrabec.")
    expect(dialog.get_by_role("button", name="Delete 2 machines")).to_be_disabled()
    dialog.get_by_label("Type 2 to delete them").fill("2")
    dialog.get_by_role("button", name="Delete 2 machines").click()
    wait_until(lambda: states(on_host) == {"off": FOUND}, "ours are gone from the host")
    assert {name for name in on_host.domains() if name.startswith("main.")} == set()


def choose_all(page: Page) -> None:
    """By keys and a range: x on the first row, shift and a click on the last, Escape, and once more."""
    boxes = page.locator("[data-pick]")
    expect(boxes).to_have_count(ALL)
    boxes.first.focus()
    page.keyboard.press("x")
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    page.keyboard.press("Escape")
    expect(page.locator("#bulk")).to_be_hidden()
    expect(page.locator("[data-pick]:checked")).to_have_count(0)
    boxes.first.click()
    boxes.last.click(modifiers=["Shift"])
    expect(page.locator("[data-pick]:checked")).to_have_count(ALL)


def states(on_host: OnHost) -> dict[str, int]:
    """How many machines are how, on the host itself."""
    found = list(on_host.domains().values())
    return {state: found.count(state) for state in found}


def busy(page: Page) -> int:
    """How many rows say that something happens to them; a guest of ours that boots counts, too."""
    return page.locator("tr[data-row] [data-cell=state][data-state=changing]").count()
