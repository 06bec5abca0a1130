"""A browser that shows a certificate of the site's authority is somebody; all others are asked."""

import http.client
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.chromium import Person, launched
from tests.e2e.test_proxies import Caller, wait_for
from tests.installation import Installation, free_port, migrated
from tests.lab.pki import Authority

pytestmark = pytest.mark.e2e
NAME = "client"
"""The common name in it."""


@dataclass
class Asking:
    """A Vrabec that asks for certificates, and the files of two."""

    there: Installation
    port: int
    good: Path
    strange: Path


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    root, port = tmp_path_factory.mktemp("certificates"), free_port()
    for name in ("good", "strange"):
        Authority().issue(root / name, "client")
    there = migrated(root / "there")
    more = f'port = {port}\nclient_ca = "{root}/good/cacert.pem"\n'
    there.config.write_text(there.config.read_text() + more)
    with there.serving():
        wait_for(Caller(port))
        yield Asking(there, port, root / "good", root / "strange")


def asked(asking: Asking, folder: Path | None, header: str = "") -> http.client.HTTPResponse:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    if folder:
        trust.load_cert_chain(folder / "clientcert.pem", folder / "clientkey.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", asking.port, timeout=60, context=trust)
    connection.request("GET", "/sign-in", headers={header: NAME} if header else {})
    return connection.getresponse()


def test_who_shows_a_certificate_is_in(asking: Asking) -> None:
    answer = asked(asking, asking.good)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_who_shows_none_is_asked_whatever_they_say(asking: Asking) -> None:
    for header in ("", "X-Vrabec-Certificate", "X_Vrabec_Certificate", "x-vrabec_certificate"):
        answer = asked(asking, None, header)
        assert answer.status == 200
        assert "Continue as" not in answer.read().decode()


def test_another_authoritys_certificate_is_refused(asking: Asking) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        asked(asking, asking.strange).read()


def test_a_browser_with_one_goes_in_and_out(asking: Asking) -> None:
    url = f"https://127.0.0.1:{asking.port}"
    files = {"certPath": asking.good / "clientcert.pem", "keyPath": asking.good / "clientkey.pem"}
    shown = {"client_certificates": [{"origin": url, **files}], "ignore_https_errors": True}
    with launched(asking.there.data / "tls/certificate.pem") as browser:
        person = Person(browser, url, **shown)
        page = person.open("/")
        expect(page.get_by_role("heading", name="Machines", exact=True)).to_be_visible()
        page.goto("/account")
        expect(page.locator("main")).to_contain_text(NAME)
        page.locator("summary.top-user").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("link", name=f"Continue as {NAME}").click()
        expect(page.get_by_role("heading", name="Machines", exact=True)).to_be_visible()
        person.context.close()
