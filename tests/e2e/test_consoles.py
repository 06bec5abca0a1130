"""Consoles in Chromium: the guest's own text read from the canvas, and an answer typed."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import vga
from tests.e2e.chromium import PATIENCE_MS, Person
from tests.e2e.controller import Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until
from vrabec_client.line import Line

expect.set_options(timeout=PATIENCE_MS)
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


def connected(page: Page) -> None:
    expect(page.locator("#console")).to_have_attribute("data-state", "open")


def sees(page: Page, text: str) -> None:
    """Wait until `text` stands on the screen."""
    wait_until(lambda: text in vga.text_of(page), f"the screen shows {text}", pause=0.3)


def asks(page: Page, question: str) -> None:
    """Type a command to the shell on the screen or the serial line: none that needs Shift.

    Playwright types a sign as if its key were another one, without pressing Shift.
    """
    page.locator("#console-view canvas, #console-view textarea").first.focus()
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
