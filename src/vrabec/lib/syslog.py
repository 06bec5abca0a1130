"""Lines for a syslog, sent by a thread of their own: a log host that is away keeps nobody waiting.

RFC 5424 over UDP (RFC 5426), and with octet counts over TLS (RFC 5425) and TCP (RFC 6587): what is on its way
when a connection breaks is lost. To a local socket as libc's syslog(3) writes.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
from datetime import UTC, datetime
from queue import Full, Queue
from threading import Event, Thread
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)
PRIORITY = 10 * 8 + 6
"""Facility authpriv, severity informational."""
PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
MOST = 10_000
"""Lines that wait while the log host is away; more are dropped."""
TIMEOUT_SECONDS = 5.0
PAUSE_SECONDS = 1.0
"""Between tries while it is away."""


class Syslog(Thread):
    """Sends to `address`: tls://host:port, tcp://host:port, udp://host:port, or the path of a local socket.

    `authority`: a file with what vouches for a host by TLS; "": what this machine trusts.
    """

    def __init__(self, address: str, authority: str = "") -> None:
        super().__init__(name="syslog", daemon=True)
        self._address = address
        self._authority = authority
        self._lines: Queue[tuple[datetime, str]] = Queue(MOST)
        self._socket: socket.socket | None = None
        self._stopping = Event()

    def stop(self) -> None:
        """Wait for the log host no more; what waits for it is lost."""
        self._stopping.set()

    def send(self, text: str) -> None:
        """Send one line soon. One that does not fit any more is dropped, which is logged."""
        try:
            self._lines.put_nowait((datetime.now(UTC), text))
        except Full:
            logger.error("the syslog at %s takes nothing: a line is dropped", self._address)

    def run(self) -> None:
        """Send what comes, in its order, each line as often as it takes."""
        while not self._stopping.is_set():
            at, text = self._lines.get()
            if self._tried(at, text):  # by a connection that was lost meanwhile, as a rule: once more
                self._insist(at, text)

    def _insist(self, at: datetime, text: str) -> None:
        """Until the log host is there again, which is told once."""
        is_told = False
        while error := self._tried(at, text):
            if not is_told:
                logger.error("lines wait for the syslog at %s: %s", self._address, error)
            is_told = True
            if self._stopping.wait(PAUSE_SECONDS):
                return
        if is_told:
            logger.warning("the syslog at %s takes lines again", self._address)

    def _tried(self, at: datetime, text: str) -> Exception | None:
        """What kept a line from being sent; one that is too long for its way is dropped."""
        try:
            if self._socket and _has_ended(self._socket):
                self._close()
            self._socket = self._socket or _opened(self._address, self._authority)
            self._socket.sendall(framed(self._address, at, text))
        except (OSError, ValueError) as error:
            self._close()
            if getattr(error, "errno", None) != errno.EMSGSIZE:
                return error
            logger.error("the syslog at %s takes no line as long as this one: it is dropped", self._address)
        return None

    def _close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None


def framed(address: str, at: datetime, text: str) -> bytes:
    """One line as the address wants it."""
    scheme = urlsplit(address).scheme
    if not scheme:
        return f"<{PRIORITY}>vrabec[{os.getpid()}]: {text}".encode()
    line = (
        f"<{PRIORITY}>1 {at.isoformat()} {socket.gethostname()} vrabec {os.getpid()} record - {text}".encode()
    )
    return line if scheme == "udp" else b"%d %b" % (len(line), line)


def _opened(address: str, authority: str) -> socket.socket:
    url = urlsplit(address)
    if not url.scheme:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        line.connect(address)
        return line
    host, port = url.hostname or "", url.port or PORTS[url.scheme]
    if url.scheme != "udp":
        line = socket.create_connection((host, port), TIMEOUT_SECONDS)
        return _secured(line, host, authority) if url.scheme == "tls" else line
    [found, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    line = socket.socket(found[0], socket.SOCK_DGRAM)
    line.connect(found[4])
    return line


def _secured(line: socket.socket, host: str, authority: str) -> socket.socket:
    """By TLS, where the other side proves to be `host`; the file is read anew for each connection."""
    try:
        context = ssl.create_default_context(cafile=authority or None)
        return context.wrap_socket(line, server_hostname=host)
    except (OSError, ValueError):
        line.close()
        raise


def _has_ended(line: socket.socket) -> bool:
    """Whether the log host has closed a connection: it says nothing else, and a line would be lost."""
    if line.type != socket.SOCK_STREAM:
        return False
    line.setblocking(False)
    try:
        return not line.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    finally:
        line.settimeout(TIMEOUT_SECONDS)
