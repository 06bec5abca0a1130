"""A port that Vrabec cannot have is said before anything starts, with what to do."""

import socket
from pathlib import Path

import pytest

from tests.installation import free_port, install
from vrabec.config.files import Config
from vrabec.config.port import check_port
from vrabec.config.tls import ensure_certificate
from vrabec.lib.errors import Conflict


def test_a_port_that_another_program_has_ends_serve_with_a_sentence(tmp_path: Path) -> None:
    there = install(tmp_path)  # there is no database yet: the port is looked at first
    ensure_certificate(there.data / "tls/certificate.pem", there.data / "tls/key.pem")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        there.config.write_text(f'{there.config.read_text()}port = {port}\nlisten = "127.0.0.1"\n')
        assert there.refused("serve") == (
            f"Vrabec cannot listen on 127.0.0.1, port {port}: another program has it. Stop it "
            f"(look what it is: ss -ltnp sport = :{port}), or set another port."
        )


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(Conflict, match="this machine has no such address"):
        check_port(Config(listen="192.0.2.1", port=free_port()))


def test_a_port_that_was_just_left_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # the side that closes first waits (TIME_WAIT)
    check_port(Config(listen="127.0.0.1", port=port))
