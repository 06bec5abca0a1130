"""Lines other than a unix socket: over ssh and TCP the watchdog finds and cuts the right one, too."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.contract.waiting import until
from tests.lab import TestFleetHost
from tests.processes import children_of
from vrabec.hypervisor import connection, domains, transport
from vrabec.lib.errors import Unavailable
from vrabec.lib.uris import transport_of

LIMIT_S = 1.0
SLACK_S = 4

FAKE_SSH = """\
#!{python} -I
# Takes ssh's place: whatever it should run over there, it joins its standard input and output to a socket.
import os, socket, threading
line = socket.socket(socket.AF_UNIX)
line.connect({path!r})
def pump(read, write):
    while data := read(65536):
        write(data)
    os._exit(0)
threading.Thread(target=pump, args=(lambda size: os.read(0, size), line.sendall)).start()
pump(line.recv, lambda data: os.write(1, data))
"""


def relay(server: socket.socket, path: Path) -> None:
    """Join each connection to `server` with one to the socket at `path`."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    with suppress(OSError):
        while True:
            near = server.accept()[0]
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(path))
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()


@contextmanager
def uri_over(kind: str, host: TestFleetHost, folder: Path) -> Iterator[str]:
    """A URI that reaches the host over ssh or TCP."""
    if kind == "ssh":
        fake = folder / "ssh"
        fake.write_text(FAKE_SSH.format(python=sys.executable, path=str(host.socket)))
        fake.chmod(0o755)
        yield f"test+ssh://somewhere.example/default?command={fake}&socket={host.socket}&no_verify=1"
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=relay, args=(server, host.socket), daemon=True).start()
        yield f"test+tcp://127.0.0.1:{server.getsockname()[1]}/default"


@pytest.fixture(params=["ssh", "tcp"])
def uri(request: pytest.FixtureRequest, fleet_host: TestFleetHost, tmp_path: Path) -> Iterator[str]:
    with uri_over(request.param, fleet_host, tmp_path) as made:
        yield made


def test_a_host_is_reached(uri: str) -> None:
    with connection.open_host(uri) as host:
        assert len(list(domains.all_facts(host))) == 1


def test_open_and_close_of_a_hung_host_end(uri: str, fleet_host: TestFleetHost) -> None:
    before = children_of("self")
    idle = connection.open_host(uri, timeout_s=LIMIT_S)
    bystander = connection.open_host(uri, timeout_s=LIMIT_S)
    fleet_host.hang()
    try:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="does not answer"):
            connection.open_host(uri, timeout_s=LIMIT_S)
        idle.close()
        assert time.monotonic() - begun < 2 * LIMIT_S + SLACK_S
    finally:
        fleet_host.resume()
    assert len(list(domains.all_facts(bystander))) == 1
    bystander.close()
    until(lambda: children_of("self") <= before)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("qemu:///system", "unix"),
        ("qemu:///session", "unix"),
        ("qemu+unix:///system?socket=/x", "unix"),
        ("test:///default", ""),
        ("test+unix:///default?socket=/x", "unix"),
        ("qemu://host/system", "tls"),
        ("qemu+ssh://root@host:22/system", "ssh"),
        ("qemu+tcp://host/system", "tcp"),
        ("xen+libssh2://host/", "libssh2"),
    ],
)
def test_a_uris_transport_is_told(uri: str, kind: str) -> None:
    assert transport_of(uri) == kind


def test_a_name_without_an_address_is_said() -> None:
    with pytest.raises(Unavailable, match=r"nowhere\.invalid"):
        connection.open_host("qemu+tcp://nowhere.invalid/system")


def test_cutting_a_line_again_does_nothing() -> None:
    near, far = socket.socketpair()
    with far:
        line = transport.SocketLine(near)
        line.cut()
        line.cut()
        assert far.recv(1) == b""
        line.release()
        line.cut()


def test_a_line_that_ended_by_itself_is_cut() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    line = transport.ProcessLine(pid)
    os.waitpid(pid, 0)
    line.cut()
    line.release()
    line.cut()
