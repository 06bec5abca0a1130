"""The one port: whether we can have it, and a sentence where we cannot."""

from __future__ import annotations

import errno
import socket
import time

from vrabec.config.files import Config
from vrabec.lib.errors import Conflict

PATIENCE_S = 3.0
"""A Vrabec that was killed just now may still be giving the port back."""


def check_port(config: Config) -> None:
    """Try to listen where the settings say. Raises Conflict, which says what to do."""
    deadline = time.monotonic() + PATIENCE_S
    while (error := _refusal(config)) and error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
        time.sleep(0.1)
    if error:
        what = _REFUSED.get(error.errno or 0, "%(why)s")
        raise Conflict(
            f"Vrabec cannot listen on %(listen)s, port %(port)s: {what}.",
            listen=config.listen,
            port=config.port,
            why=error.strerror,
            who=who_listens(config),
        ) from error


def _refusal(config: Config) -> OSError | None:
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.listen, config.port))
        except OSError as error:
            return error
    return None


_REFUSED = {
    errno.EADDRINUSE: "another program has it. Stop it (%(who)s), or set another port",
    errno.EADDRNOTAVAIL: "this machine has no such address. Correct the setting listen",
    errno.EACCES: "ports below 1024 are for root. Set another one, or put a proxy in front",
}


def who_listens(config: Config) -> str:
    """How to find out which program has the port."""
    return f"look what it is: ss -ltnp sport = :{config.port}"
