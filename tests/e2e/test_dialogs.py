"""The dialogs of a machine's page clicked through in Chromium, and what the host has of it afterwards."""

import re
from xml.etree import ElementTree

import libvirt
from playwright.sync_api import Page, expect

from tests.e2e.chromium import Person
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.test_browser import choose
from tests.e2e.waiting import wait_until


def test_a_machine_is_described_hibernated_renamed_resized_and_copied_by_clicks(
    ada: Person, machines: Machines, on_host: OnHost
) -> None:
    vm = machines.create("finch")
    page = ada.open(f"/machines/{vm['id']}")
    it_is_described(page)
    it_hibernates_and_wakes(page, on_host)
    choose(page, "Power off")
    in_state(page, "off")
    it_is_renamed(page, machines, on_host)
    it_grows(page, on_host)
    it_says_so_in_xml(page, machines)
    it_is_copied(page, on_host)
    ada.forgive("status of 422")


def in_state(page: Page, state: str) -> None:
    expect(page.locator(".object-title [data-cell=state]")).to_have_attribute("data-state", state)


def it_is_described(page: Page) -> None:
    page.get_by_role("link", name="Edit description and tags").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Description").fill("Sings in the morning.")
    dialog.get_by_label("Tags").fill("bird small")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Sings in the morning.", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="small")).to_be_visible()


def it_hibernates_and_wakes(page: Page, on_host: OnHost) -> None:
    choose(page, "Hibernate")
    in_state(page, "hibernated")
    with on_host.libvirt() as connection:
        assert connection.lookupByName("main.finch").hasManagedSaveImage() == 1
    page.get_by_role("button", name="Wake").click()
    in_state(page, "running")
    assert on_host.domains() == {"main.finch": "running"}


def it_is_renamed(page: Page, machines: Machines, on_host: OnHost) -> None:
    choose(page, "Rename …")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Not A Name")
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog.locator("#name-note")).to_contain_text("Use letters a–z, digits and hyphens")
    dialog.get_by_label("Name").fill("wren")
    dialog.get_by_role("button", name="Rename").click()
    wait_until(lambda: "wren" in machines.present(), "it has its new name")
    assert on_host.domains() == {"main.wren": "off"}
    page.reload()
    expect(page.locator(".object-title h1")).to_have_text("wren")
    in_state(page, "off")


def it_grows(page: Page, on_host: OnHost) -> None:
    page.get_by_role("link", name="Hardware").click()
    page.get_by_label("CPUs").fill("2")
    page.get_by_label("Memory").fill("224 MiB")
    page.get_by_role("button", name="Change").click()
    wait_until(lambda: defined(on_host, "main.wren") == ("2", str(224 * 1024)), "the host has its new size")
    in_state(page, "off")


def it_says_so_in_xml(page: Page, machines: Machines) -> None:
    vm_id = machines.present()["wren"]["id"]
    seen = "<name>main.wren</name>"
    wait_until(lambda: seen in machines.client.get_vm_xml(vm_id)["xml"], "inventory has seen it")
    page.get_by_role("link", name="XML").click()
    expect(page.get_by_role("region", name="Definition")).to_contain_text(seen)
    expect(page.get_by_role("button", name="Copy the XML")).to_be_visible()


def defined(on_host: OnHost, name: str) -> tuple[str | None, str | None]:
    """CPUs and memory (KiB) of the definition on the host."""
    with on_host.libvirt() as connection:
        text = connection.lookupByName(name).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    root = ElementTree.fromstring(text)  # noqa: S314 - our own host's
    return root.findtext("vcpu"), root.findtext("memory")


def it_is_copied(page: Page, on_host: OnHost) -> None:
    choose(page, "Clone …")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name of the copy")).to_have_value("wren-2")
    dialog.get_by_role("button", name="Copy").click()
    expect(page.locator(".object-title h1")).to_have_text("wren-2")
    expect(page).to_have_url(re.compile(r"/machines/\d+$"))
    in_state(page, "off")
    assert on_host.domains() == {"main.wren": "off", "main.wren-2": "off"}
    page.goto("/templates")  # its page would ask for what the end of the test takes away
