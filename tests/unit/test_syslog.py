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


def started(address: str) -> Syslog:
    made = Syslog(address)
    made.start()
    return made


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


def started_by_tls(address: str, authority: Path | str) -> Syslog:
    made = Syslog(address, str(authority))
    made.start()
    return made


def read_line(read: BinaryIO) -> bytes:
    return read.read(int(b"".join(iter(lambda: read.read(1), b" "))))


def test_by_tls_lines_come_with_their_lengths(pki: Path) -> None:
    with listening(pki) as (server, address):
        sender = started_by_tls(address, pki / "cacert.pem")
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
        sender = started_by_tls(address, pki / "cacert.pem")
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
        started_by_tls(address.replace("127.0.0.1", name), trusted).send("secret")
        for _ in range(2):
            with pytest.raises(ssl.SSLError):
                server.accept()
        wait_for("could not be sent", caplog)
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_a_log_host_without_tls_hears_nothing(pki: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bound(socket.SOCK_STREAM) as (server, port), caplog.at_level(logging.WARNING):
        server.listen()
        started_by_tls(f"tls://127.0.0.1:{port}", pki / "cacert.pem").send("secret")
        heard = b""
        for _ in range(2):
            line, _ = server.accept()
            with line:
                heard += line.recv(4096)
        wait_for("could not be sent", caplog)
    assert b"secret" not in heard


def test_an_authority_that_cannot_be_read_is_logged(pki: Path, caplog: pytest.LogCaptureFixture) -> None:
    with listening(pki) as (_, address), caplog.at_level(logging.WARNING):
        started_by_tls(address, pki / "none.pem").send("text")
        wait_for("could not be sent", caplog)
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


def test_one_that_is_away_is_logged_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "MOST", 2)
    with caplog.at_level(logging.WARNING):
        sender = Syslog(str(tmp_path / "nowhere"))
        for _ in range(3):
            sender.send("text")
        assert "a line is dropped" in caplog.text
        sender.start()
        deadline = time.monotonic() + 10
        while "could not be sent" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "could not be sent" in caplog.text
