"""Consoles in Chromium: the guest's own text read from the canvas, answers typed, both back after a kill."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import vga
from tests.e2e.chromium import Person
from tests.e2e.controller import Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until
from vrabec_client.line import Line

KEY_MS = 40
"""Between keys: the keyboard of an emulated guest has room for few."""


@pytest.fixture(scope="module")
def guest(controller: Controller) -> Iterator[dict[str, Any]]:
    """One machine for all tests here."""
    with controller.client() as client:
        machines = Machines(client)
        yield machines.create("lark")
        machines.delete_all()
    assert OnHost(controller.host).remains() == []


def screen(person: Person, guest: dict[str, Any]) -> Page:
    """The machine's screen, connected."""
    page = person.open(f"/machines/{guest['id']}/console")
    connected(page)
    return page


def serial(person: Person, guest: dict[str, Any]) -> Page:
    """The machine's serial console, connected."""
    page = person.open(f"/machines/{guest['id']}/console/serial")
    connected(page)
    return page


def connected(page: Page) -> None:
    expect(page.locator("#console")).to_have_attribute("data-state", "open")


def sees(page: Page, text: str) -> None:
    """Wait until `text` stands on the screen."""
    wait_until(lambda: text in vga.text_of(page), f"the screen shows {text}", pause=0.3)


def asks(page: Page, question: str) -> None:
    """Type a command to the shell on the screen or the serial line: none that needs Shift.

    Playwright types a sign as if its key were another one, without pressing Shift.
    """
    page.locator("#console-view canvas[tabindex], #console-view textarea").first.focus()
    page.keyboard.type(f"{question}\n", delay=KEY_MS)


def test_both_consoles_answer_through_the_whole_path(controller: Controller, guest: dict[str, Any]) -> None:
    with controller.client() as client:
        with Line(client, guest["id"], "vnc") as shown:
            assert heard(shown, b"\n") == b"RFB 003.008\n"
        with Line(client, guest["id"]) as typed:
            typed.send(b"echo $((6 * 7))-line\n")
            assert b"42-line" in heard(typed, b"42-line\r\n")


def heard(line: Line, end: bytes) -> bytes:
    """What comes until `end`."""
    found = b""
    for part in line.received():
        found += part
        if end in found:
            break
    return found


def test_the_guests_own_text_is_on_the_screen_and_it_answers(ada: Person, guest: dict[str, Any]) -> None:
    page = screen(ada, guest)
    sees(page, "Vrabec tiny, a demonstration guest")
    sees(page, "lark   192.168.122.")
    asks(page, "seq 1041 1043")
    sees(page, "\n1042\n")


def test_pasted_text_arrives_sign_by_sign(ada: Person, guest: dict[str, Any]) -> None:
    page = screen(ada, guest)
    page.locator("#paste > summary").click()
    field = page.get_by_label("Paste text as keystrokes")
    field.fill("echo žluť")
    page.get_by_role("button", name="Type it").click()
    expect(page.get_by_role("alert").filter(has_text="ž ť")).to_be_visible()
    field.fill("""echo 'ABC xyz 0189 ~!@#$%^&*()_+{}|:"<>?[]\\;,./`-=' | tr a-c A-C""")
    page.get_by_role("button", name="Type it").click()
    sees(page, """\nABC xyz 0189 ~!@#$%^&*()_+{}|:"<>?[]\\;,./`-=""")


def test_the_serial_console_is_typed_into(ada: Person, guest: dict[str, Any]) -> None:
    page = serial(ada, guest)
    asks(page, "seq 2041 2043")
    expect(page.locator(".xterm-rows")).to_contain_text("2042")


def test_a_serial_console_is_one_persons_until_it_is_taken_over(ada: Person, guest: dict[str, Any]) -> None:
    first = serial(ada, guest)
    second = ada.open(f"/machines/{guest['id']}/console/serial")
    expect(second.get_by_role("heading", name="ada has the serial console open.")).to_be_visible()
    second.get_by_role("button", name="Take it over").click()
    connected(second)
    expect(first.get_by_role("button", name="Take it over")).to_be_visible()
    asks(second, "seq 3041 3043")
    expect(second.locator(".xterm-rows")).to_contain_text("3042")
    assert "3042" not in first.locator(".xterm-rows").inner_text()


def test_a_killed_console_process_costs_serial_consoles_a_moment_and_screens_nothing(
    ada: Person, guest: dict[str, Any], controller: Controller
) -> None:
    shown, typed = screen(ada, guest), serial(ada, guest)
    before = controller.children()
    controller.kill("console")
    expect(typed.locator("#console")).not_to_have_attribute("data-state", "open")
    connected(typed)
    expect(shown.locator("#console")).to_have_attribute("data-state", "open")  # it has its own socket
    after = controller.children()
    assert after["console"] != before["console"]
    assert (after["web"], after["engine"]) == (before["web"], before["engine"])
    asks(typed, "seq 4041 4043")
    expect(typed.locator(".xterm-rows")).to_contain_text("4042")
    asks(shown, "seq 5041 5043")
    sees(shown, "\n5042\n")
    another = screen(ada, guest)
    sees(another, "\n5042\n")


def test_a_machine_that_is_off_says_so_and_comes_back(
    ada: Person, guest: dict[str, Any], controller: Controller
) -> None:
    page = screen(ada, guest)
    with controller.client() as client:
        client.wait_for_job(client.power_off_vm(guest["id"])["job"]["id"])
    expect(page.get_by_role("heading", name="The machine is off")).to_be_visible()
    page.locator("[data-say=off]").get_by_role("button", name="Start").click()
    connected(page)
    sees(page, "Vrabec tiny, a demonstration guest")
    # Where it asked before the machine ran, Chromium says so; and it has advice on noVNC's use of its canvas.
    ada.complaints = [said for said in ada.complaints if "409" not in said and "Canvas2D" not in said]


def test_ctrl_alt_del_reaches_the_guest(ada: Person, guest: dict[str, Any]) -> None:
    page = screen(ada, guest)
    sees(page, "lark")
    asks(page, "clear; seq 6041 6043")
    sees(page, "\n6042\n")
    page.get_by_role("button", name="Ctrl-Alt-Del").click()
    sees(page, "Vrabec tiny, a demonstration guest")  # it has started again


def test_signing_out_closes_the_console(ada: Person, guest: dict[str, Any], controller: Controller) -> None:
    page = screen(ada, guest)
    other = ada.open("/account")
    other.locator(".top-user").click()
    other.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="This console is closed")).to_be_visible()
    ada.complaints = [said for said in ada.complaints if "401" not in said]  # the event stream's
