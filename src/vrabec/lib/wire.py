"""One-way messages between the processes of one controller, over unix datagrams.

They are lossy by design: a receiver that is away or behind misses them and finds out by itself
(versions in rows show gaps, a poll each second is the net). So sending never waits and never fails.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

MAX_BYTES = 60_000
"""A datagram larger than this may not fit a socket buffer; senders split before."""


def listen(path: Path) -> socket.socket:
    """A receiving socket at `path`, replacing a dead one; non-blocking."""
    path.unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    receiver.bind(str(path))
    path.chmod(0o600)
    receiver.setblocking(False)
    return receiver


def send(path: Path, message: bytes) -> None:
    """Send `message` to whoever listens at `path`, or to nobody."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(message, str(path))
