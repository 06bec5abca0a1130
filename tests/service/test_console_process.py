"""The console process: what it answers on its socket. Real screens and lines: contract and e2e."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.configuration import write_config
from tests.service.made_up import until
from vrabec.consoles.server import Server
from vrabec.lib import tunnel
from vrabec.lib.errors import NotFound, Unavailable, VrabecError, WrongState
from vrabec.lib.tunnel import Wanted

PATIENCE_S = 30
Open = Callable[[Wanted], socket.socket]
SCREEN = Wanted("test:///default", "6695eb01-f6a4-8304-79aa-97f2502e193f", tunnel.VNC, "Olga")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Open], Path]]:
    """Serve screens that a function opens, on the socket whose path is returned."""
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    threads: list[Thread] = []

    def start(screen: Open) -> Path:
        path = tmp_path / "console.sock"
        server = Server(path, screen)
        threads.append(Thread(target=loop.run_until_complete, args=[server.run(stop)]))
        threads[0].start()
        return listening(path)

    yield start
    loop.call_soon_threadsafe(stop.set)
    threads[0].join(PATIENCE_S)
    loop.close()


def listening(path: Path) -> Path:
    """`path` once the process listens there, and nobody else may ask."""
    return until(lambda: path, lambda found: found.exists() and not found.stat().st_mode & 0o077)


def ask(path: Path, wanted: Wanted) -> socket.socket:
    """The console's socket. Raises what was answered."""
    with socket.socket(socket.AF_UNIX) as desk:
        desk.settimeout(PATIENCE_S)
        desk.connect(str(path))
        desk.sendall(tunnel.ask(wanted))
        said, descriptors, _, _ = socket.recv_fds(desk, tunnel.MAX_LINE_BYTES, 1)
    tunnel.check_answer(said)
    return socket.socket(fileno=descriptors[0])


def test_a_screen_is_handed_over_as_it_was_opened(serve: Callable[[Open], Path]) -> None:
    guest, screen = socket.socketpair()
    asked = []
    path = serve(lambda wanted: asked.append(wanted) or screen)  # type: ignore[func-returns-value]
    with guest, ask(path, SCREEN) as shown:
        guest.sendall(b"RFB 003.008\n")
        assert shown.recv(12) == b"RFB 003.008\n"
        shown.close()
        assert guest.recv(1) == b""  # nobody else holds it
    assert asked == [SCREEN]


@pytest.mark.parametrize(
    "error", [WrongState("The machine is off: start it."), Unavailable("No.", raw="why")]
)
def test_what_is_in_the_way_is_answered(serve: Callable[[Open], Path], error: VrabecError) -> None:
    def refuse(wanted: Wanted) -> socket.socket:
        raise error

    path = serve(refuse)
    for _ in range(2):
        with pytest.raises(type(error)) as found:
            ask(path, SCREEN)
        assert (found.value.message, found.value.raw) == (error.message, error.raw)


def test_one_that_says_nothing_keeps_nobody_waiting(serve: Callable[[Open], Path]) -> None:
    def refuse(wanted: Wanted) -> socket.socket:
        raise NotFound("There is none.")

    path = serve(refuse)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        with pytest.raises(NotFound):
            ask(path, SCREEN)


def test_the_process_answers_errors_of_libvirt_and_ends_when_told(tmp_path: Path) -> None:
    config = write_config(tmp_path, "")
    command = [sys.executable, "-m", "vrabec.config.console", str(os.getpid())]
    with subprocess.Popen(command, env=os.environ | {"VRABEC_CONFIG": str(config)}) as process:
        path = listening(tunnel.socket_in(str(tmp_path / "run")))
        with pytest.raises(NotFound):
            ask(path, Wanted("test:///default", "00000000-0000-0000-0000-000000000001", tunnel.VNC, "Olga"))
        with pytest.raises(VrabecError):
            ask(path, Wanted("test:///default", SCREEN.uuid, tunnel.SERIAL, "Olga"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
