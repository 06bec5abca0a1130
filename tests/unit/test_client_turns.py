"""A TLS connection that one thread reads while another writes."""

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from vrabec.config.tls import ensure_certificate
from vrabec_client.turns import TakesTurns

PATIENCE_S = 60
MUCH = bytes(range(256)) * 8000


class Alone(ssl.SSLSocket):
    """Fails where a second thread comes in, and takes long enough to be met by one."""

    inside = Lock()

    def recv(self, *args: Any) -> bytes:
        """As any, when nobody else is in."""
        return self._alone(super().recv, *args)

    def send(self, *args: Any) -> int:
        """As any, when nobody else is in."""
        return self._alone(super().send, *args)

    def _alone(self, do: Any, *args: Any) -> Any:
        assert self.inside.acquire(blocking=False), "two threads in one connection"
        try:
            time.sleep(0.002)
            return do(*args)
        finally:
            self.inside.release()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[TakesTurns, ssl.SSLSocket]]:
    """A connection's two ends: ours, and the server's, which has sent session tickets."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    ensure_certificate(certificate, key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.sslsocket_class = Alone
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor() as pool:
        far = pool.submit(server.wrap_socket, theirs, server_side=True)
        line = TakesTurns(client.wrap_socket(ours))  # type: ignore[arg-type]
        with far.result() as other:
            other.settimeout(PATIENCE_S)
            yield line, other
            line.close()


def read(line: TakesTurns, size: int) -> bytes:
    """So many bytes, or what came before the end."""
    found = b""
    while len(found) < size and (more := line.recv(65536)):
        found += more
    return found


def echo(line: ssl.SSLSocket, size: int) -> None:
    """Send back what comes, so many bytes."""
    while size and (more := line.recv(65536)):
        line.sendall(more)
        size -= len(more)


def test_one_reads_while_another_writes(ends: tuple[TakesTurns, ssl.SSLSocket]) -> None:
    line, other = ends
    with ThreadPoolExecutor() as pool, closing(line):
        back = pool.submit(read, line, len(MUCH))
        echoed = pool.submit(echo, other, len(MUCH))
        line.sendall(MUCH)
        assert back.result(PATIENCE_S) == MUCH
        echoed.result(PATIENCE_S)


def test_a_reader_to_whom_only_a_ticket_came_is_woken_by_the_end(
    ends: tuple[TakesTurns, ssl.SSLSocket],
) -> None:
    line, _ = ends
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(line.recv, 1)
        time.sleep(0.1)
        line.close()
        # where it looks again only now, all is closed
        assert reader.exception(PATIENCE_S) or reader.result() == b""


def test_who_takes_nothing_is_given_up(ends: tuple[TakesTurns, ssl.SSLSocket]) -> None:
    line, _ = ends
    line.settimeout(0.2)
    with pytest.raises(TimeoutError, match="takes nothing"):
        line.sendall(MUCH * 10)
