"""Passkeys in Chromium, with its virtual authenticator: added, used as second step and without a password."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.cast import PASSWORD, Site
from tests.e2e.chromium import DESK
from tests.frontend.controller import Controller, controller
from tests.frontend.test_web_browser import AXE, Visit, before_the_controller, browser
from vrabec.models.audit import Audit
from vrabec.models.factors import Passkey
from vrabec.services import failures, passkeys, people

__all__ = ["before_the_controller", "browser", "controller"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Device:
    """A tab of a browser on a device that keeps passkeys, and opens them by a finger that is always there."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.page: Page = visit.open("/sign-in")
        self.devtools: CDPSession = visit.context.new_cdp_session(self.page)
        self.devtools.send("WebAuthn.enable")
        self.key: dict[str, Any] = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def sign_in(self, name: str) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def add(self, name: str) -> None:
        self.page.goto("/account/second-factor")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_role("button", name="Add a passkey").click()

    def sign_out(self) -> None:
        """From a blank page: another goes to /sign-in by itself once it hears of it."""
        self.page.goto("about:blank")
        self.visit.context.clear_cookies()

    def verifies(self, is_verified: bool) -> None:
        """Whether the finger on it is its owner's."""
        known = {"authenticatorId": self.key["authenticatorId"], "isUserVerified": is_verified}
        self.devtools.send("WebAuthn.setUserVerified", known)


@pytest.fixture
def device(
    browser: Browser, controller: Controller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Device]:
    """By name: there are no passkeys of addresses."""
    monkeypatch.setattr(people, "_FAILURES", failures.Failures())
    monkeypatch.setattr(passkeys, "_BEGUN", failures.Tally(passkeys.MAX_BEGUN))
    visit = Visit(browser, controller.url.replace("127.0.0.1", "localhost"), None, viewport=DESK)
    yield Device(visit)
    visit.context.close()


def with_passkey(device: Device, site: Site) -> None:
    """Olga has one, and is signed out."""
    device.sign_in("olga")
    device.page.wait_for_url(f"{device.visit.url}/")
    device.add("laptop")
    expect(device.page.locator("#codes li")).to_have_count(10)
    device.page.get_by_role("link", name="I have kept them").click()
    expect(device.page.get_by_text("laptop").first).to_be_visible()
    device.sign_out()


def test_a_passkey_is_the_second_step(device: Device, site: Site) -> None:
    with_passkey(device, site)
    device.sign_in("olga")
    device.page.wait_for_url("**/sign-in/second")
    device.page.get_by_role("button", name="Use a passkey").click()
    device.page.wait_for_url(f"{device.visit.url}/")
    assert [line.detail for line in Audit.objects.filter(action="session.begin").order_by("pk")] == [
        {"by": "password"},
        {"by": "passkey"},
    ]
    key = Passkey.objects.get()
    assert (key.rp_id, key.used_at is not None, key.sign_count > 0) == ("localhost", True, True)
    assert device.visit.complaints == []


def test_a_passkey_signs_in_without_a_password(device: Device, site: Site) -> None:
    with_passkey(device, site)
    device.page.goto("/sign-in")
    device.page.get_by_role("button", name="Use a passkey").click()
    device.page.wait_for_url(f"{device.visit.url}/")
    expect(device.page.get_by_text("olga").first).to_be_attached()


def test_a_finger_of_somebody_else_does_not_replace_a_password(device: Device, site: Site) -> None:
    with_passkey(device, site)
    device.verifies(False)
    device.page.goto("/sign-in")
    device.page.get_by_role("button", name="Use a passkey").click()
    expect(device.page.get_by_text("No passkey was used.")).to_be_visible()
    device.page.goto("/")
    expect(device.page).to_have_url(f"{device.visit.url}/sign-in")


def test_a_copy_of_a_passkey_is_refused(device: Device, site: Site) -> None:
    with_passkey(device, site)
    Passkey.objects.update(sign_count=1000)
    device.page.goto("/sign-in")
    device.page.get_by_role("button", name="Use a passkey").click()
    expect(device.page.get_by_text("This passkey does not open an account here.")).to_be_visible()


def test_a_removed_passkey_opens_nothing(device: Device, site: Site) -> None:
    with_passkey(device, site)
    device.page.goto("/sign-in")
    device.page.get_by_role("button", name="Use a passkey").click()
    device.page.wait_for_url(f"{device.visit.url}/")
    device.page.goto("/account/second-factor")
    device.page.get_by_role("link", name="Remove … laptop").click()
    device.page.get_by_label("Present password").fill(PASSWORD)
    device.page.get_by_role("button", name="Remove the passkey").click()
    expect(device.page.get_by_text("It is removed.")).to_be_visible()
    device.sign_out()
    device.page.goto("/sign-in")
    device.page.get_by_role("button", name="Use a passkey").click()
    expect(device.page.get_by_text("This passkey does not open an account here.")).to_be_visible()
    device.sign_in("olga")
    device.page.wait_for_url(f"{device.visit.url}/")


def test_the_same_device_adds_one_passkey(device: Device, site: Site) -> None:
    with_passkey(device, site)
    device.sign_in("olga")
    device.page.get_by_role("button", name="Use a passkey").click()
    device.page.wait_for_url(f"{device.visit.url}/")
    device.add("again")
    expect(device.page.get_by_text("No passkey was made.")).to_be_visible()
    assert Passkey.objects.count() == 1


def test_who_has_lost_the_device_uses_a_recovery_code(device: Device, site: Site) -> None:
    device.sign_in("olga")
    device.page.wait_for_url(f"{device.visit.url}/")
    device.add("laptop")
    code = device.page.locator("#codes li").first.inner_text()
    device.sign_out()
    device.sign_in("olga")
    device.page.get_by_label("Code").fill(code)
    device.page.get_by_role("button", name="Sign in").click()
    device.page.wait_for_url(f"{device.visit.url}/")


@pytest.mark.parametrize("how", [{"viewport": DESK}, {"viewport": {"width": 360, "height": 800}}])
def test_pages_of_second_factors_are_accessible(
    browser: Browser, controller: Controller, site: Site, how: dict[str, Any]
) -> None:
    visit = Visit(browser, controller.url, site.owner.user, bypass_csp=True, **how)
    page = visit.open("/account/second-factor")
    found = {"factor": wrong(page)}
    page.get_by_role("button", name="Set up an app").click()
    page.wait_for_url("**/confirm")
    found["app"] = wrong(page)
    page.goto("/account/second-factor/codes")
    found["codes"] = wrong(page)
    page.goto("/account")
    found["account"] = wrong(page)
    visit.context.close()
    assert {name: faults for name, faults in found.items() if faults} == {}


def wrong(page: Page) -> list[str]:
    """What axe minds, and a page that is wider than the screen."""
    page.evaluate(AXE)
    said = page.evaluate("() => axe.run().then(done => done.violations)")
    serious = [one["id"] for one in said if one["impact"] in ("serious", "critical")]
    width = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    return serious + (["wider"] if width > 0 else [])
