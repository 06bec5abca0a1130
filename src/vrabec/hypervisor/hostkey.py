"""Asks an ssh server for its key, as ssh-keyscan does: before anybody trusts it, and without signing in."""

from __future__ import annotations

import re
import socket
import subprocess

from vrabec.lib.errors import Unavailable
from vrabec.lib.ssh import Address

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
"""Kinds of keys, the best first; a host is pinned to one."""
SCAN_SECONDS = 5
_LIMIT_SECONDS = 20
_KEY = re.compile(r"[A-Za-z0-9+/]{20,4096}={0,2}")
_PATH = "/usr/local/bin:/usr/bin:/bin"


def scan(address: Address) -> str:
    """The server's best key, as "kind base64". Raises Unavailable with a sentence that says what to do."""
    _knock(address)
    try:
        done = subprocess.run(
            _command(address), check=False, capture_output=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, timeout=_LIMIT_SECONDS, env={"LC_ALL": "C", "PATH": _PATH},
        )  # fmt: skip
    except FileNotFoundError as error:
        raise Unavailable("ssh-keyscan is missing here: install the package openssh-client.") from error
    except subprocess.TimeoutExpired as error:
        raise _silent(address, str(error)) from error
    keys = dict(filter(None, map(_key, done.stdout.splitlines())))
    for kind in KINDS:
        if kind in keys:
            return f"{kind} {keys[kind]}"
    raise _silent(address, done.stderr)


def _command(address: Address) -> list[str]:
    options = ["-T", str(SCAN_SECONDS), "-p", str(address.port), "-t", "ed25519,ecdsa,rsa"]
    return ["ssh-keyscan", *options, "--", address.host]


def _key(line: str) -> tuple[str, str] | None:
    words = line.split()
    if len(words) == 3 and words[1] in KINDS and _KEY.fullmatch(words[2]):
        return words[1], words[2]
    return None


def _knock(address: Address) -> None:
    """Connect once: ssh-keyscan (9.2) says nothing of a port that is closed."""
    try:
        socket.create_connection((address.host, address.port), SCAN_SECONDS).close()
    except socket.gaierror as error:
        raise Unavailable(
            "There is no host named %(host)s in the DNS.", raw=str(error), host=address.host
        ) from error
    except ConnectionRefusedError as error:
        raise Unavailable(
            "Nothing listens there: is sshd running on %(host)s, port %(port)s?",
            raw=str(error),
            host=address.host,
            port=address.port,
        ) from error
    except OSError as error:
        raise _silent(address, str(error)) from error


def _silent(address: Address, said: str) -> Unavailable:
    return Unavailable(
        "%(host)s does not answer as an ssh server on port %(port)s.",
        raw=said,
        host=address.host,
        port=address.port,
    )
