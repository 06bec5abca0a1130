"""Small servers on loopback that note every byte they are sent, and answer what a test says."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from vrabec.config import tls

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Recorder:
    """Takes one connection after the other; `answers` has, for each, what it answers to its requests.

    A connection that has answered all of its answers is closed, as a server closes an idle one.
    """

    def __init__(self, answers: list[list[bytes]], certificate: Path | None) -> None:
        self.heard: list[bytes] = []
        self._answers = answers
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Take as many connections as there are lists of answers."""
        for answers in self._answers:
            plain, _ = self._listener.accept()
            plain.settimeout(10)
            self.heard.append(b"")
            try:
                connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
                with connection:
                    self._converse(connection, answers)
            except OSError:
                plain.close()

    def _converse(self, connection: socket.socket, answers: list[bytes]) -> None:
        for answer in answers:
            self.heard[-1] += connection.recv(65536)
            connection.sendall(answer)
        if not answers:
            self.heard[-1] += connection.recv(65536)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


@contextmanager
def recorder(answers: list[list[bytes]], certificate: Path | None = None) -> Iterator[Recorder]:
    """A server for as many connections as there are lists of answers."""
    server = Recorder(answers, certificate)
    thread = Thread(target=server.serve)
    thread.start()
    try:
        yield server
        thread.join()
    finally:
        server.close()


def make_certificate(directory: Path) -> Path:
    """A certificate of our own kind, its key beside it."""
    path = directory / "certificate.pem"
    tls.ensure_certificate(path, directory / "key.pem")
    return path
