"""Lines for a syslog arrive as it wants them, and nobody waits for one that is away."""

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.lab.pki import Authority
from vrabec.lib import syslog
from vrabec.lib.syslog import Syslog


@contextmanager
def bound(kind: int) -> Iterator[tuple[socket.socket, int]]:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        yield server, server.getsockname()[1]


MADE: list[Syslog] = []


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of them goes on trying when its test is over."""
    monkeypatch.setattr(syslog, "PAUSE_SECONDS", 0.01)
    yield
    while MADE:
        MADE.pop().stop()


def made(address: str, authority: Path | str = "") -> Syslog:
    MADE.append(Syslog(address, str(authority)))
    return MADE[-1]


def started(address: str, authority: Path | str = "") -> Syslog:
    sender = made(address, authority)
    sender.start()
    return sender


def test_by_udp_a_line_is_a_datagram() -> None:
    with bound(socket.SOCK_DGRAM) as (server, port):
        started(f"udp://127.0.0.1:{port}").send('{"é": 1}')
        said = server.recv(4096).decode()
    assert said.startswith("<86>1 20")
    assert said.endswith(' record - {"é": 1}')
    assert said.split()[3] == "vrabec"


def test_by_tcp_each_line_says_its_length() -> None:
    with bound(socket.SOCK_STREAM) as (server, port):
        server.listen()
        sender = started(f"tcp://127.0.0.1:{port}")
        sender.send("first")
        line, _ = server.accept()
        with line, line.makefile("rb") as read:
            for text in (b"first", b"second"):
                count = b"".join(iter(lambda: read.read(1), b" "))
                assert read.read(int(count)).endswith(b" record - " + text)
                sender.send("second")


def test_a_connection_that_broke_is_made_anew() -> None:
    with bound(socket.SOCK_STREAM) as (server, port):
        server.listen()
        sender = started(f"tcp://127.0.0.1:{port}")
        sender.send("first")
        server.accept()[0].close()
        deadline = time.monotonic() + 10
        server.settimeout(0.05)
        while time.monotonic() < deadline:
            sender.send("later")  # the first of these tells that the line is gone
            try:
                line, _ = server.accept()
            except TimeoutError:
                continue
            with line:
                line.settimeout(10)
                assert line.recv(4096).endswith(b"later")
            return
        pytest.fail("no second connection")


# --- by TLS


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """A log host's certificate for 127.0.0.1, its key, and the authority of both."""
    Authority().issue(tmp_path / "pki", "server")
    return tmp_path / "pki"


@contextmanager
def listening(pki: Path) -> Iterator[tuple[ssl.SSLSocket, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "servercert.pem", pki / "serverkey.pem")
    with bound(socket.SOCK_STREAM) as (plain, port):
        plain.listen()
        with context.wrap_socket(plain, server_side=True) as server:
            yield server, f"tls://127.0.0.1:{port}"


def read_line(read: BinaryIO) -> bytes:
    return read.read(int(b"".join(iter(lambda: read.read(1), b" "))))


def test_by_tls_lines_come_with_their_lengths(pki: Path) -> None:
    with listening(pki) as (server, address):
        sender = started(address, pki / "cacert.pem")
        for text in ("first", "žluťoučký"):
            sender.send(text)
        line, _ = server.accept()
        with line, line.makefile("rb") as read:
            assert line.version() in ("TLSv1.2", "TLSv1.3")
            assert read_line(read).startswith(b"<86>1 20")
            assert read_line(read).endswith(" record - žluťoučký".encode())


def test_a_log_host_that_was_started_anew_misses_no_line(pki: Path) -> None:
    """Where it has closed the connection before; a line that is under way in that moment is lost."""
    with listening(pki) as (server, address):
        sender = started(address, pki / "cacert.pem")
        for text in ("first", "second", "third"):
            sender.send(text)
            line, _ = server.accept()
            with line, line.makefile("rb") as read:
                assert read_line(read).endswith(text.encode())
            line.close()
            time.sleep(0.05)  # the end must have arrived


@pytest.mark.parametrize(
    ("authority", "name"), [("other", "127.0.0.1"), ("", "127.0.0.1"), ("own", "localhost")]
)
def test_who_does_not_prove_to_be_the_log_host_hears_nothing(
    authority: str, name: str, pki: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of another authority; of none that this machine trusts; of another name."""
    Authority().issue(tmp_path / "other", "server")
    trusted = {"own": pki / "cacert.pem", "other": tmp_path / "other/cacert.pem"}.get(authority, "")
    with listening(pki) as (server, address), caplog.at_level(logging.WARNING):
        started(address.replace("127.0.0.1", name), trusted).send("secret")
        for _ in range(2):
            with pytest.raises(ssl.SSLError):
                server.accept()
        wait_for("lines wait", caplog)
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_a_log_host_without_tls_hears_nothing(pki: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bound(socket.SOCK_STREAM) as (server, port), caplog.at_level(logging.WARNING):
        server.listen()
        started(f"tls://127.0.0.1:{port}", pki / "cacert.pem").send("secret")
        heard = b""
        for _ in range(2):
            line, _ = server.accept()
            with line:
                heard += line.recv(4096)
        wait_for("lines wait", caplog)
    assert b"secret" not in heard


def test_an_authority_that_cannot_be_read_is_logged(pki: Path, caplog: pytest.LogCaptureFixture) -> None:
    with listening(pki) as (_, address), caplog.at_level(logging.WARNING):
        started(address, pki / "none.pem").send("text")
        wait_for("lines wait", caplog)
    assert "No such file" in caplog.text


def wait_for(text: str, caplog: pytest.LogCaptureFixture) -> None:
    deadline = time.monotonic() + 10
    while text not in caplog.text:
        assert time.monotonic() < deadline, caplog.text
        time.sleep(0.01)


# --- to this machine


def test_to_a_socket_as_libc_writes(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        server.settimeout(10)
        started(str(tmp_path / "log")).send("text")
        assert server.recv(4096).startswith(b"<86>vrabec[")


def test_one_that_is_away_is_logged_once_keeps_nobody_waiting_and_gets_all_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "MOST", 2)
    with caplog.at_level(logging.WARNING):
        sender = made(str(tmp_path / "log"))
        for text in ("first", "second", "third"):
            sender.send(text)
        assert "a line is dropped" in caplog.text
        sender.start()
        wait_for("lines wait", caplog)
        time.sleep(0.1)  # a few tries
        assert caplog.text.count("lines wait") == 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(str(tmp_path / "log"))
            server.settimeout(10)
            assert [server.recv(4096).partition(b": ")[2] for _ in range(2)] == [b"first", b"second"]
        wait_for("takes lines again", caplog)


def test_a_line_that_is_too_long_for_its_way_holds_no_other_up(caplog: pytest.LogCaptureFixture) -> None:
    with bound(socket.SOCK_DGRAM) as (server, port), caplog.at_level(logging.WARNING):
        sender = started(f"udp://127.0.0.1:{port}")
        sender.send("x" * 70_000)
        sender.send("short")
        assert server.recv(4096).endswith(b"short")
    assert "takes no line as long as this one" in caplog.text
