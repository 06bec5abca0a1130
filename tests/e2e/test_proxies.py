"""Behind nginx and Apache as the guide sets them up: signing in, pages, REST, the stream, and who it was."""

import http.client
import json
import sqlite3
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from tests.e2e import proxies
from tests.installation import Installation, free_port, migrated
from vrabec.config.tls import ensure_certificate

PATIENCE_S = 60.0
PASSWORD = "correct horse battery"
ORIGIN = f"https://{proxies.NAME}"
CALLER = "127.0.0.9"
"""An address that no proxy has, so that the record tells one from the other."""


@dataclass
class Caller:
    """Somebody at CALLER with cookies, who asks a port for the public name."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, method: str, path: str, body: str = "", **headers: str) -> http.client.HTTPResponse:
        """Send one request; the answer is not read yet."""
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE  # that is not what is tested
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_S, context=trust, source_address=(CALLER, 0)
        )
        sent = {"Host": proxies.NAME, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, sent)
        return connection.getresponse()

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        """Status and text of the answer; cookies are kept."""
        answer = self.open(method, path, body, **headers)
        for value in answer.headers.get_all("Set-Cookie") or []:
            name, _, rest = value.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return answer.status, answer.read().decode()

    def form(self, path: str, *, on: str = "", origin: str = ORIGIN, **fields: str) -> int:
        """Send the form that the page `on`, or the one at `path`, shows; gives the status."""
        _, text = self.ask("GET", on or path)
        token = text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        assert token, f"{on or path} shows no form"
        body = urlencode({"csrfmiddlewaretoken": token, **fields})
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", path, body, Content_Type=kind, Origin=origin, Referer=f"{origin}/")[0]


@dataclass
class Behind:
    """A Vrabec, and somebody who reaches it through a proxy."""

    there: Installation
    port: int
    caller: Caller

    def token(self, **headers: str) -> str:
        """A token, by name and password."""
        said = json.dumps({"username": "ada", "password": PASSWORD})
        status, text = self.caller.ask(
            "POST", "/api/v1/login", said, Content_Type="application/json", **headers
        )
        assert status == 201, text
        return str(json.loads(text)["secret"])

    def last_address(self) -> str:
        """Where the record's last line says that somebody was."""
        with sqlite3.connect(self.there.data / "vrabec.sqlite3") as database:
            return str(database.execute("SELECT address FROM vrabec_audit ORDER BY id DESC").fetchone()[0])


def wait_for(caller: Caller) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if caller.ask("GET", "/api/v1/")[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline, f"nothing answers at port {caller.port}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, int]]:
    """A Vrabec with the guide's settings; its administrator has PASSWORD."""
    port = free_port()
    there = migrated(tmp_path_factory.mktemp("proxied"))
    settings = proxies.guide("toml")
    there.config.write_text(f"{there.config.read_text()}port = {port}\n{settings}")
    link = there.do("create-admin", "ada").strip()
    assert link.startswith(f"https://{proxies.NAME}/sign-in/link/")
    with there.serving():
        ada = Caller(port)
        wait_for(ada)
        assert ada.form(link.removeprefix(f"https://{proxies.NAME}")) == 303
        assert ada.form("/account/password", password=PASSWORD, again=PASSWORD) == 303
        yield there, port


@pytest.fixture(scope="module", params=["nginx", "apache"])
def behind(
    request: pytest.FixtureRequest,
    served: tuple[Installation, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Behind]:
    """It, behind a real proxy."""
    there, upstream = served
    root = tmp_path_factory.mktemp(request.param)
    ensure_certificate(root / "certificate.pem", root / "key.pem")
    port = free_port()
    certificate = there.data / "tls/certificate.pem"
    text = proxies.site(
        request.param, port=port, upstream=upstream, certificates=root, certificate=certificate
    )
    with proxies.running(request.param, root / "proxy", text, port):
        caller = Caller(port)
        wait_for(caller)
        yield Behind(there, upstream, caller)


def test_a_person_signs_in_and_reads_a_page(behind: Behind) -> None:
    assert behind.caller.form("/sign-in", username="ada", password=PASSWORD) == 303
    assert behind.last_address() == CALLER
    status, text = behind.caller.ask("GET", "/hosts")
    assert (status, "csrfmiddlewaretoken" in text) == (200, True)


def test_another_site_cannot_send_the_persons_forms(behind: Behind) -> None:
    assert behind.caller.form("/sign-in", username="ada", password=PASSWORD) == 303
    new, name = "/new-project", f"p{behind.caller.port}"
    assert behind.caller.form(new, on="/projects", origin="https://evil.example", name=name) == 403
    assert behind.caller.form(new, on="/projects", name=name) == 303


@pytest.mark.parametrize("lie", ["10.9.9.9", "127.0.0.1", "10.9.9.9, 127.0.0.1", "nonsense"])
def test_nobody_writes_another_address_into_the_record(behind: Behind, lie: str) -> None:
    behind.token(X_Forwarded_For=lie)
    assert behind.last_address() == CALLER


def test_who_calls_directly_is_not_believed_at_all(behind: Behind) -> None:
    direct = Behind(behind.there, behind.port, Caller(behind.port))
    direct.token(X_Forwarded_For="10.9.9.9")
    assert behind.last_address() == CALLER


def test_the_event_stream_comes_as_it_happens(behind: Behind) -> None:
    bearer = f"Bearer {behind.token()}"
    with behind.caller.open("GET", "/live/events", Authorization=bearer) as stream:
        assert stream.status == 200
        assert stream.readline() == b"event: hello\n"
        host = json.dumps({"name": f"h{behind.caller.port}", "uri": "test:///default"})
        status, text = behind.caller.ask(
            "POST", "/api/v1/hosts", host, Content_Type="application/json", Authorization=bearer
        )
        assert status == 202, text
        while stream.readline() != b"event: cells\n":  # the stream stays open: what comes was not held back
            pass


def test_a_name_that_is_not_in_the_settings_is_refused(behind: Behind) -> None:
    bearer = f"Bearer {behind.token()}"
    status, _ = behind.caller.ask("GET", "/live/events", Authorization=bearer, Host="evil.example")
    assert status == 403
