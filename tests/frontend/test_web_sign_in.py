"""In Chromium: every way to sign in that another system vouches for, against the real ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests import slapd
from tests.cast import Site
from tests.e2e.chromium import DESK, PHONE
from tests.frontend import provider
from tests.frontend.controller import controller
from tests.frontend.test_web_browser import Visit, before_the_controller, browser, pytestmark, settled
from tests.frontend.test_web_many import grave
from tests.service.test_directory import ask
from vrabec.models.users import User

__all__ = ["before_the_controller", "browser", "controller", "pytestmark"]


@pytest.fixture
def anybody(browser: Any, controller: Any, site: Site) -> Iterator[Visit]:
    """A browser in which nobody is signed in."""
    made = Visit(browser, controller.url, None)
    yield made
    made.context.close()
    assert made.complaints == []


def test_somebody_of_the_directory_signs_in(anybody: Visit, site: Site, settings: Any) -> None:
    with slapd.Slapd({"j.novak": "Jan Novák"}, {}) as ldap:
        ask(ldap, settings)
        page = anybody.open("/")
        page.get_by_label("Name").fill("j.novak")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("The name or the password is wrong.")
        page.get_by_label("Password").fill(slapd.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Machines", exact=True)).to_be_visible()
        ldap.stop()
        page = anybody.open("/account")
        expect(page.locator("main")).to_contain_text("Jan Novák")
    anybody.complaints.clear()  # the refusal's 401 is a line in the console


def test_somebody_comes_by_the_provider(anybody: Visit, site: Site, settings: Any, tmp_path: Path) -> None:
    with provider.running() as there:
        provider.told_of(settings, there.url, tmp_path)
        page = anybody.open("/hosts")
        page.get_by_role("link", name="Univ account").click()
        page.get_by_placeholder("sub").fill("4711")
        page.get_by_role("button", name="Authorize", exact=True).click()
        page.wait_for_url("**/hosts")
    assert User.objects.get(username="j.novak").full_name == "Jan Novák"
    anybody.complaints.clear()  # the provider's own page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_is_accessible_and_no_wider_than_the_screen(
    anybody: Visit, settings: Any, tmp_path: Path, size: Any, theme: str
) -> None:
    provider.told_of(settings, "https://sso.univ.example", tmp_path)
    here = Visit(anybody.browser, anybody.url, None, viewport=size, bypass_csp=True, color_scheme=theme)
    page = here.open("/sign-in")
    settled(page)
    assert page.evaluate("document.body.scrollWidth") <= size["width"]
    assert grave(page) == []
    here.context.close()
