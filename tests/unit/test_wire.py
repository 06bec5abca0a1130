"""Messages between our processes: lost, never in the way."""

import errno
import socket
from pathlib import Path

import pytest

from vrabec.lib import wire


def test_a_message_arrives(tmp_path: Path) -> None:
    with wire.listen(tmp_path / "a.sock") as receiver:
        wire.send(tmp_path / "a.sock", b"hello")
        assert receiver.recv(64) == b"hello"


def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    wire.listen(tmp_path / "a.sock").close()
    with wire.listen(tmp_path / "a.sock") as receiver:
        wire.send(tmp_path / "a.sock", b"hello")
        assert receiver.recv(64) == b"hello"


def test_nobody_may_listen(tmp_path: Path) -> None:
    wire.send(tmp_path / "none.sock", b"hello")


def test_a_receiver_may_be_behind(tmp_path: Path) -> None:
    with wire.listen(tmp_path / "a.sock") as receiver:
        for _ in range(5000):
            wire.send(tmp_path / "a.sock", b"x" * 1000)
        assert receiver.recv(2000) == b"x" * 1000


def test_a_send_without_a_free_file_descriptor_fails_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", full)
    wire.send(tmp_path / "a.sock", b"hello")
