"""What the client sends, to whom, and what it makes of answers that are none."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.tls_servers import ANSWER, make_certificate, recorder
from vrabec.config.tls import fingerprint
from vrabec.lib.clock import now
from vrabec_client import Client
from vrabec_client.errors import Invalid, Unavailable, Untrusted, VrabecError
from vrabec_client.transport import Transport, normal_fingerprint, parse_address

TOKEN = "vrabec_this-is-secret"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def answer(status: str, body: bytes, kind: str = "text/html") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://cloud.example", "https://cloud.example"),
        ("https://cloud.example:443/", "https://cloud.example"),
        ("https://cloud.example:8443", "https://cloud.example:8443"),
        ("https://Cloud.Example/vrabec/", "https://cloud.example/vrabec"),
        ("cloud.example", "https://cloud.example:8443"),
        ("cloud.example:9000", "https://cloud.example:9000"),
        ("[fd00::1]", "https://[fd00::1]:8443"),
        ("https://[fd00::1]:8443", "https://[fd00::1]:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
    ],
)
def test_an_address_is_a_url_or_a_host(text: str, url: str) -> None:
    assert parse_address(text).url == url
    assert parse_address(url) == parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "ftp://cloud.example",
        "http://cloud.example",
        "https://cloud.example:port",
        "https://cloud.example:99999",
        "https://user:password@cloud.example",
        "https://cloud.example/?a=b",
        "https://cloud.example/#part",
        "https://cloud example",
        "https://cloud.example\r\nX-Evil: 1",
        "https://cloud.example/\x1b[2J",
        "https://[fd00::1",
        "https://127.0.0.1%0d%0a@evil",
        "//cloud.example",
        "-o ProxyCommand=x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_address(text)


@pytest.mark.parametrize("spelling", ["AB" * 32, "ab" * 32, ":".join(["ab"] * 32), "SHA256 " + "AB " * 32])
def test_a_fingerprint_has_many_spellings(spelling: str) -> None:
    assert normal_fingerprint(spelling) == ":".join(["AB"] * 32)


@pytest.mark.parametrize(
    "text", ["", "AB" * 31, "AB" * 33, "G" * 64, "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM"]
)
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        normal_fingerprint(text)


@pytest.mark.parametrize("token", ["two words", "line\nX-Evil: 1", "ümlaut", "x" * 5000, "\x00"])
def test_a_token_that_could_change_the_request_is_refused(token: str) -> None:
    with pytest.raises(Invalid):
        Client("https://127.0.0.1:1", token)


def test_another_certificate_than_the_pinned_one_is_sent_nothing(certificate: Path) -> None:
    with recorder([[]], certificate) as server:
        client = Client(server.url, TOKEN, fingerprint="AB" * 32)
        with pytest.raises(Untrusted) as refused:
            client.login("ada", "password")
    assert server.heard == [b""]
    assert fingerprint(certificate) in refused.value.raw


def test_a_certificate_that_nobody_vouches_for_is_sent_nothing(certificate: Path) -> None:
    with recorder([[]], certificate) as server, pytest.raises(Untrusted):
        Client(server.url, TOKEN).me()
    assert server.heard == [b""]


def test_a_certificate_that_has_ended_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrabec.config.tls.now", lambda: now() - timedelta(days=1000))
    expired = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(expired))
    with recorder([[]], expired) as server, pytest.raises(Untrusted) as told:
        Client(server.url, TOKEN).me()
    assert "has ended, or the clock here is wrong. On the controller, vrabecd doctor" in str(told.value)
    assert server.heard == [b""]


@pytest.mark.parametrize("by", ["fingerprint", "certificate_pem"])
def test_the_pinned_certificate_is_sent_the_token(certificate: Path, by: str) -> None:
    pins = {"fingerprint": fingerprint(certificate), "certificate_pem": certificate.read_text()}
    with recorder([[ANSWER]], certificate) as server, Client(server.url, TOKEN, **{by: pins[by]}) as client:
        client.me()
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in server.heard[0]


def test_the_pin_is_checked_at_every_connection(certificate: Path, tmp_path: Path) -> None:
    other = make_certificate(tmp_path)
    with recorder([[ANSWER]], certificate) as server:
        transport = Transport(parse_address(server.url), token=TOKEN, fingerprint=fingerprint(certificate))
        transport.request("GET", "/me")
    with recorder([[]], other) as impostor:
        transport.address = parse_address(impostor.url)
        with pytest.raises(Untrusted):
            transport.request("GET", "/me")
    assert impostor.heard == [b""]


def test_a_get_is_repeated_when_the_kept_connection_was_closed() -> None:
    with recorder([[ANSWER], [ANSWER]]) as server:
        client = Client(server.url, TOKEN)
        client.me()
        client.me()
    assert [request.startswith(b"GET ") for request in server.heard] == [True, True]


def test_a_post_is_never_repeated() -> None:
    with recorder([[ANSWER]]) as server:
        client = Client(server.url, TOKEN)
        client.me()
        with pytest.raises(Unavailable, match="look before you ask again"):
            client.start_vm(1)
    assert len(server.heard) == 1


def test_a_connection_unused_for_long_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrabec_client.transport._IDLE_SECONDS", 0.0)
    with recorder([[ANSWER], [ANSWER]]) as server:
        client = Client(server.url, TOKEN)
        client.me()
        client.start_vm(1)
    assert [request.partition(b" ")[0] for request in server.heard] == [b"GET", b"POST"]


def test_a_server_that_hangs_up_at_once_is_unavailable() -> None:
    with recorder([[b""]]) as server, pytest.raises(Unavailable, match="hung up"):
        Client(server.url, TOKEN).me()


def test_a_server_that_does_not_answer_is_unavailable(certificate: Path) -> None:
    with (
        recorder([[b"HTTP/1.1 200 OK\r\n", b""]]) as server,
        pytest.raises(Unavailable, match="does not answer"),
    ):
        Client(server.url, TOKEN, timeout=0.2).me()


def test_a_server_without_tls_is_unavailable_and_gets_no_token() -> None:
    with recorder([[b"SSH-2.0-OpenSSH\r\n"]]) as server, pytest.raises(Unavailable):
        Client(server.url.replace("http:", "https:"), TOKEN, fingerprint="AB" * 32).me()
    assert TOKEN.encode() not in server.heard[0]


def test_no_server_is_unavailable() -> None:
    with recorder([]) as server:
        pass
    with pytest.raises(Unavailable, match="no connection"):
        Client(server.url, TOKEN).me()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (answer("502 Bad Gateway", b"<html>proxy</html>"), Unavailable),
        (answer("503 Service Unavailable", b""), Unavailable),
        (answer("500 Internal Server Error", b"<h1>Error</h1>"), VrabecError),
        (answer("302 Found", b""), VrabecError),
        (answer("200 OK", b"<html>a page</html>"), VrabecError),
        (answer("422 Unprocessable", b'{"error": {"code": "new_code", "message": "No."}}'), Invalid),
        (answer("418 Teapot", b'{"error": "text"}'), VrabecError),
        (answer("404 Not Found", b"[]"), VrabecError),
        (b"gibberish\r\n\r\n", Unavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", Unavailable),
    ],
)
def test_what_is_no_answer_of_a_controller_is_an_error_of_ours(
    sent: bytes, expected: type[VrabecError]
) -> None:
    with recorder([[sent]]) as server, pytest.raises(VrabecError) as raised:
        Client(server.url, TOKEN).me()
    assert isinstance(raised.value, expected)


def test_text_that_is_no_utf_8_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Invalid):
        Client("http://127.0.0.1:1", TOKEN).create_token("\udcff")


def test_a_hostile_search_stays_a_search() -> None:
    with recorder([[ANSWER]]) as server:
        Client(server.url, TOKEN).list_vms(search="a&page=2#x\r\nX-Evil: 1 ü", page=7)
    line = server.heard[0].partition(b"\r\n")[0]
    assert line == (b"GET /api/v1/vms?search=a%26page%3D2%23x%0D%0AX-Evil%3A+1+%C3%BC&page=7 HTTP/1.1")
