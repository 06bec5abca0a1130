"""The pages in Chromium: the whole life of a machine without a reload, and no complaint of the browser's."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import Person
from tests.e2e.conftest import REFUSED
from tests.e2e.controller import PASSWORD, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until

HOSTILE = "'\"><img class=pwned src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}%s"
TABS = 8


def test_the_whole_life_of_a_machine_needs_no_reload(
    stranger: Person, controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    page = stranger.open(controller.sign_in_link("bea"))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page).to_have_url(f"{controller.url}/")

    page.get_by_role("link", name="New machine").first.click()
    page.get_by_label("Name", exact=True).fill("swallow")
    page.get_by_role("button", name="Create machine").click()
    expect(page).to_have_url(re.compile(r"/machines/\d+$"))
    page.evaluate("window.drawn = 'once'")
    state = page.locator(".object-title [data-cell=state]")
    expect(page.locator("[data-cell=ready]")).to_have_text("Answers")
    expect(state).to_have_attribute("data-state", "running")
    assert on_host.domains() == {"main.swallow": "running"}

    choose(page, "Power off")
    expect(state).to_have_attribute("data-state", "off")
    assert on_host.domains() == {"main.swallow": "off"}
    it_is_deleted_by_its_name(page, controller, machines)
    assert on_host.remains() == []


def it_is_deleted_by_its_name(page: Page, controller: Controller, machines: Machines) -> None:
    choose(page, "Delete …")
    delete = page.get_by_role("button", name="Delete swallow")
    page.get_by_label("Type swallow to delete it").fill("swallo")
    expect(delete).to_be_disabled()
    page.get_by_label("Type swallow to delete it").fill("swallow")
    assert page.evaluate("window.drawn") == "once"
    delete.click()
    expect(page).to_have_url(f"{controller.url}/")
    expect(page.get_by_text("swallow is being deleted.")).to_be_visible()
    # The host may be faster than the list: then no row is left to fade out, and nothing to refresh.
    wait_until(lambda: not machines.present(), "the machine is gone")
    page.goto("/")
    expect(page.get_by_text("No machines yet")).to_be_visible()


def choose(page: Page, action: str) -> None:
    """Take an action from the menu of a machine's page."""
    page.locator("#actions summary").click()
    page.locator("#actions").get_by_text(action, exact=True).click()


def test_a_refused_form_keeps_what_was_typed_and_names_field_and_limit(ada: Person, on_host: OnHost) -> None:
    page = ada.open("/machines/new")
    page.get_by_role("radio", name="Custom").check()
    typed = {"name": "My Machine", "cpus": "1", "memory": "16 MiB", "disk": "9", "address": "10.0.0.5"}
    for field, text in typed.items():
        page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Create machine").click()
    expect(page.get_by_role("alert")).to_contain_text("Not created yet.")
    assert {field: page.locator(f"#{field}").input_value() for field in typed} == typed
    expect(page.locator("#name-note")).to_contain_text("Use letters a–z, digits and hyphens, 63 at most")
    expect(page.locator("#memory-note")).to_contain_text(re.compile(r"Choose from 96 to \d+ MiB of memory"))
    expect(page.locator("#disk-note")).to_contain_text(re.compile(r"Choose from \d+ to \d+ MiB of disk"))
    expect(page.locator("#address-note")).to_contain_text("such as 10.0.0.5/24")
    for field in ("name", "memory", "disk", "address"):
        expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    assert on_host.remains() == []
    ada.forgive("status of 422")


def test_hostile_text_in_every_field_stays_text(ada: Person, machines: Machines, on_host: OnHost) -> None:
    page = ada.open("/machines/new")
    page.get_by_role("radio", name="Custom").check()
    page.get_by_text("More: gateway, firmware").click()
    fields = ("name", "cpus", "memory", "disk", "address", "gateway", "ssh_keys")
    typed = dict.fromkeys(fields, HOSTILE) | {"name": HOSTILE[:63]}
    for field, text in typed.items():
        page.locator(f"#{field}").fill(text)
    page.get_by_role("button", name="Create machine").click()
    expect(page.get_by_role("alert")).to_contain_text("Not created yet.")
    assert {field: page.locator(f"#{field}").input_value() for field in fields} == typed
    assert_harmless(page)

    page.goto("/")
    page.locator("#search").fill(HOSTILE)
    expect(page.get_by_text(f"Drop “{HOSTILE}”")).to_be_visible()
    assert_harmless(page)

    page.goto("/account")
    page.get_by_label("Name").fill(HOSTILE[:64])
    page.get_by_role("button", name="Make token").click()
    row = page.get_by_role("row").filter(has_text=HOSTILE[:64])
    expect(row).to_be_visible()
    assert_harmless(page)
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    ada.forgive("status of 422")


def test_hostile_text_on_a_host_stays_text(ada: Person, machines: Machines, on_host: OnHost) -> None:
    # A domain's name may hold anything but a slash and a line's end.
    name = HOSTILE.replace("/", "")
    with on_host.foreign(name):
        vm = wait_until(lambda: machines.present().get(name), "the machine is shown")
        page = ada.open("/")
        expect(page.locator(f"tr[data-vm='{vm['id']}'] .row-name")).to_have_attribute("title", name)
        assert_harmless(page)
        page.goto(f"/machines/{vm['id']}")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        # Else it is asked for when all is gone.
        expect(page.locator("[data-plot] canvas").first).to_be_visible()
        assert_harmless(page)


def assert_harmless(page: Page) -> None:
    """No element came out of HOSTILE, and no template evaluated it; a script would break the policy, too."""
    assert page.locator(".pwned").count() == 0
    assert page.get_by_text("49%s").count() == 0
    assert page.evaluate("[...document.scripts].every((script) => script.src)")


def test_a_breach_of_the_policy_would_be_heard(browser: Browser, controller: Controller) -> None:
    reports = controller.log().count(REFUSED)
    person = Person(browser, controller.url)
    page = person.open("/sign-in")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b style=\"color: red\">x</b>')")
    wait_until(lambda: controller.log().count(REFUSED) > reports, "the controller logs the report")
    person.forgive("Content Security Policy")
    person.context.close()


def test_eight_tabs_are_live_at_once_over_one_stream(
    ada: Person, controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    vm = machines.create("swift")
    tabs = [ada.open("/") for _ in range(TABS)]
    wait_until(lambda: connections(controller) == 1, "one connection is left: the stream")
    with on_host.libvirt() as connection:
        domain = connection.lookupByName("main.swift")
        for change, state in ((domain.suspend, "paused"), (domain.resume, "running")):
            change()
            for tab in tabs:
                cell = tab.locator(f"tr[data-vm='{vm['id']}'] [data-cell=state]")
                expect(cell).to_have_attribute("data-state", state)
    wait_until(lambda: connections(controller) == 1, "it is still the only one")


def test_an_open_menu_outlives_a_change(ada: Person, machines: Machines, on_host: OnHost) -> None:
    vm = machines.create("siskin")
    page = ada.open(f"/machines/{vm['id']}")
    page.locator("#actions summary").click()
    with on_host.libvirt() as connection:
        connection.lookupByName("main.siskin").suspend()
    expect(page.locator("#actions").get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator("#actions").get_by_text("Delete …", exact=True)).to_be_visible()
    expect(page.locator("#actions summary")).to_be_focused()


def connections(controller: Controller) -> int:
    """How many connections to the controller stand, as the kernel counts them at its side."""
    port = int(controller.url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
