"""`vrabec vm console`: the serial line in a terminal, over the controller's own TLS port."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cast import Site, site
from tests.frontend.command import Terminal, Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import Controller, controller
from tests.frontend.desk import Desk
from tests.frontend.desk import desk as listening
from vrabec.config.tls import ensure_certificate
from vrabec.lib.errors import Conflict, WrongState
from vrabec.models.vms import Seen, Vm
from vrabec_client import errors
from vrabec_client.client import Client
from vrabec_client.line import Line

__all__ = ["command", "controller", "home", "signed_in", "site", "terminal", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(site: Site) -> Iterator[Desk]:
    """A console process, and the machine "web" running."""
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    with listening() as found:
        yield found


@pytest.fixture
def client(site: Site, controller: Controller) -> Iterator[Client]:
    """The owner's."""
    with Client(controller.url, site.owner.secret, certificate_pem=controller.certificate_pem) as one:
        yield one


def test_what_is_typed_comes_back_on_the_terminal(
    vrabec: Vrabec, desk: Desk, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("vm", "console", "web")
    screen.until("RFB 003.008")
    screen.type("uname -a")
    screen.until("uname -a\n")
    screen.type("\x03")  # Ctrl-C is for the machine
    screen.until("\x03")
    screen.type("\x1d")
    assert screen.end() == 0
    assert [(wanted.kind, wanted.take) for wanted in desk.asked] == [("serial", False)]


def test_a_line_that_somebody_has_is_refused_and_can_be_taken(
    vrabec: Vrabec, desk: Desk, terminal: Callable[..., Terminal]
) -> None:
    desk.refusal = Conflict("Somebody has the serial console open.", who="Olga")
    screen = terminal("vm", "console", "web")
    assert screen.end() == errors.Conflict.exit_code
    assert "Olga has the serial console open." in screen.seen
    desk.refusal = None
    screen = terminal("vm", "console", "web", "--take")
    screen.until("RFB 003.008")
    screen.type("\x1d")
    assert screen.end() == 0
    assert [wanted.take for wanted in desk.asked] == [False, True]


def test_without_a_terminal_there_is_no_console(vrabec: Vrabec) -> None:
    assert vrabec("vm", "console", "web").status == 2


def test_bytes_cross_tls_and_both_processes_unchanged(site: Site, desk: Desk, client: Client) -> None:
    sent = bytes(range(256)) * 2000
    with Line(client, site.vm.pk, "vnc") as line:
        line.send(sent)
        received = b""
        for part in line.received():
            received += part
            if len(received) >= 12 + len(sent):
                break
    assert received[12:] == sent


def test_what_ends_a_line_is_said_as_an_error(site: Site, desk: Desk, client: Client) -> None:
    desk.refusal = WrongState("The machine is off: start it.")
    with Line(client, site.vm.pk) as line, pytest.raises(errors.WrongState, match="off: start it"):
        list(line.received())
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.OFF)
    with pytest.raises(errors.WrongState, match="web is off"):
        Line(client, site.vm.pk)


def test_a_controller_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that speaks TLS, and then says nothing."""
    monkeypatch.setattr("vrabec_client.line.OPEN_SECONDS", 0.2)
    ensure_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor() as pool:
        accepted = pool.submit(lambda: context.wrap_socket(listening.accept()[0], server_side=True))
        pem = (tmp_path / "certificate.pem").read_text()
        with Client(f"https://127.0.0.1:{listening.getsockname()[1]}", "x", certificate_pem=pem) as silent:
            monkeypatch.setattr(silent, "open_console", lambda *_, **__: {"path": "/", "protocols": []})
            with pytest.raises(errors.Unavailable, match="does not open the console"):
                Line(silent, 1)
        accepted.result().close()
