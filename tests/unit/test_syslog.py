"""Lines for a syslog arrive as it wants them, and nobody waits for one that is away."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
