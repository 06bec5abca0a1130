"""What Vrabec tells systemd, which a socket of the test's stands for."""

import socket
from pathlib import Path

import pytest

from tests.installation import free_port, migrated

pytestmark = pytest.mark.e2e


def test_systemd_hears_when_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = migrated(tmp_path / "there")
    port = free_port()
    there.config.write_text(f"{there.config.read_text()}port = {port}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with there.serving():
            assert systemd.recv(64) == b"READY=1"
            socket.create_connection(("127.0.0.1", port), 10).close()
