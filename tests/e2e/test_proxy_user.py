"""Apache in front asks for a password and says who somebody is, as the guide sets it up."""

import http.client
import re
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e import proxies
from tests.e2e.chromium import CHROMIUM, Person, launched
from tests.e2e.test_proxies import CALLER, Behind, Caller, wait_for
from tests.installation import free_port, migrated
from vrabec.config.tls import ensure_certificate

pytestmark = pytest.mark.e2e
GUIDE = Path(__file__).parents[2] / "docs/howto/sign-in-from-outside.md"
PASSWORD = "of the realm"


def blocks(language: str) -> list[str]:
    """The guide's blocks in this language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def basic(name: str) -> str:
    return "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    upstream, port = free_port(), free_port()
    there = migrated(tmp_path_factory.mktemp("proxied"))
    [told] = [text for text in blocks("toml") if "proxy_user_header" in text]
    there.config.write_text(f"{there.config.read_text()}port = {upstream}\n{proxies.guide('toml')}{told}")
    root = tmp_path_factory.mktemp("apache")
    ensure_certificate(root / "certificate.pem", root / "key.pem")
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True
    )
    (root / "passwords").write_text("".join(f"{name}:{hashed.stdout}" for name in ("jan", "eve")))
    with there.serving():
        wait_for(Caller(upstream))
        certificate = there.data / "tls/certificate.pem"
        text = proxies.site(
            "apache", port=port, upstream=upstream, certificates=root, certificate=certificate
        )
        [realm] = blocks("apache")
        realm = realm.replace("/etc/apache2/vrabec.passwords", str(root / "passwords"))
        text = text.replace("</VirtualHost>", f"{realm}</VirtualHost>")
        with proxies.running("apache", root / "proxy", text, port):
            wait_for(Caller(port))
            yield Behind(there, upstream, Caller(port))


@pytest.fixture
def caller(behind: Behind) -> Caller:
    """Somebody new."""
    return Caller(behind.caller.port)


def test_apache_asks_and_vrabec_believes_it(behind: Behind, caller: Caller) -> None:
    assert caller.ask("GET", "/sign-in")[0] == 401
    assert caller.ask("GET", "/sign-in", Authorization=basic("jan"))[0] == 303
    assert behind.last_address() == CALLER
    status, text = caller.ask("GET", "/account")
    assert (status, ">jan<" in text) == (200, True)


def test_a_browser_that_apache_has_asked_is_in(behind: Behind) -> None:
    url = f"https://{proxies.NAME}:{behind.caller.port}"
    known = {"http_credentials": {"username": "jan", "password": PASSWORD}, "ignore_https_errors": True}
    found_here = f"--host-resolver-rules=MAP {proxies.NAME} 127.0.0.1"
    with launched(behind.there.data / "tls/certificate.pem", CHROMIUM, found_here) as browser:
        person = Person(browser, url, **known)
        page = person.open("/account")
        expect(page.locator("main")).to_contain_text("jan")
        person.context.close()


@pytest.mark.parametrize("header", ["X-Remote-User", "X_Remote_User", "x-remote_user"])
def test_nobody_says_it_themselves(behind: Behind, caller: Caller, header: str) -> None:
    direct = Caller(behind.port)
    assert asked(direct, {header: "eve"}) == 200, "the form, and nobody is in"
    assert direct.ask("GET", "/account")[0] == 303
    assert asked(caller, {"Authorization": basic("jan"), header: "eve"}) in (200, 303)
    assert ">eve<" not in caller.ask("GET", "/account")[1]


def asked(caller: Caller, headers: dict[str, str]) -> int:
    """The status of /sign-in, asked with headers whose names are sent as they are; cookies are kept."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", caller.port, context=trust, source_address=(CALLER, 0)
    )
    connection.request("GET", "/sign-in", headers={"Host": proxies.NAME, **headers})
    answer = connection.getresponse()
    for value in answer.headers.get_all("Set-Cookie") or []:
        name, _, rest = value.partition("=")
        caller.cookies[name] = rest.partition(";")[0]
    return answer.status
