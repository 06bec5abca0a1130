"""The way to a host by ssh: our own key, the host's key as a person confirmed it, and libvirt's URI for both.

libvirt lets OpenSSH's client carry its calls, but cannot tell it where its known hosts are (its `known_hosts`
is for the transports libssh and libssh2 alone). So it calls a command of ours, one for each confirmed key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from vrabec.lib.errors import Invalid, NotFound
from vrabec.lib.uris import parameters, transport_of, with_parameters

PRIVATE_KEY = "id_ed25519"
PUBLIC_KEY = "id_ed25519.pub"
CONNECT_SECONDS = 8
"""The watchdog of a connection bites after 10."""
_HOST = re.compile(r"[0-9a-z]([0-9a-z.-]{0,251}[0-9a-z])?|[0-9a-f:.]+", re.IGNORECASE)
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_ALLOWED = ("socket", "mode", "netcat", "proxy")
"""Parameters that say where libvirt is on the host; the others are ours, or would run a command here."""


@dataclass(frozen=True)
class Address:
    """Where an ssh server listens."""

    host: str
    port: int


def is_ssh(uri: str) -> bool:
    """Whether libvirt goes there by OpenSSH's client."""
    return transport_of(uri) == "ssh"


def address_of(uri: str) -> Address:
    """Where the URI's host listens. Raises Invalid for what cannot be given to ssh."""
    parts = urlsplit(uri)
    host, port = parts.hostname or "", _port_of(parts)
    if not _HOST.fullmatch(host):
        raise Invalid("Write the host's name or address, as in qemu+ssh://root@kvm1/system.", field="uri")
    if parts.password is not None:
        raise Invalid("Write no password into the URI: Vrabec signs in with its key.", field="uri")
    if parts.username is not None and not _USER.fullmatch(parts.username):
        raise Invalid("The user's name in the URI is none that ssh knows.", field="uri")
    for name, _ in parameters(uri):
        if name not in _ALLOWED:
            raise Invalid(
                "Leave %(name)s out of the URI: Vrabec sets all but where libvirt is there (%(allowed)s).",
                field="uri",
                name=name[:40],
                allowed=", ".join(_ALLOWED),
            )
    return Address(host, port)


def _port_of(parts: SplitResult) -> int:
    try:
        return parts.port or 22
    except ValueError as error:
        raise Invalid("The URI's port must be from 1 to 65535.", field="uri") from error


def fingerprint(key: str) -> str:
    """SHA-256 of a public key ("ssh-ed25519 AAAA…"), as ssh-keygen -l shows it. Raises Invalid."""
    try:
        blob = base64.b64decode(key.split()[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise Invalid("This is no public key of ssh.") from error
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def ensure_key(folder: Path) -> None:
    """Make Vrabec's own key where there is none yet: private half for us alone, public half for pasting."""
    if (folder / PRIVATE_KEY).exists() and (folder / PUBLIC_KEY).exists():
        (folder / PRIVATE_KEY).chmod(0o600)
        return
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    encoding, no_password = serialization.Encoding, serialization.NoEncryption()
    _keep(
        folder / PRIVATE_KEY,
        Ed25519PrivateKey.generate().private_bytes(
            encoding.PEM, serialization.PrivateFormat.OpenSSH, no_password
        ),
        0o600,
    )
    secret = serialization.load_ssh_private_key((folder / PRIVATE_KEY).read_bytes(), None)
    shown = secret.public_key().public_bytes(encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    _keep(folder / PUBLIC_KEY, shown + f" vrabec@{socket.gethostname()}\n".encode(), 0o644)


def public_key(folder: Path) -> str:
    """The line for a host's authorized_keys. Raises NotFound before `vrabecd migrate` made the key."""
    try:
        return (folder / PUBLIC_KEY).read_text().strip()
    except FileNotFoundError as error:
        raise NotFound("Vrabec has no SSH key yet: run vrabecd migrate.") from error


def pinned(uri: str, folder: Path, host_key: str) -> str:
    """`uri` as libvirt is given it: with the key in `folder`, and only to a host that has `host_key`."""
    return with_parameters(uri, command=str(_command(folder, host_key)), no_tty="1")


def _command(folder: Path, host_key: str) -> Path:
    """The program that is ssh with our key and this one known host; its name is the hash of its text.

    libvirt 9.0 loses what ssh says when it is longer than 1,024 bytes, and the warning of a changed key has
    800 without any name: so the files are named from inside their folder, and every host is "host".
    """
    known = f"host {host_key}\n".encode()
    known_name = f"known_hosts.{hashlib.sha256(known).hexdigest()[:16]}"
    _keep(folder / known_name, known, 0o600)
    options = {
        "BatchMode": "yes",
        "CheckHostIP": "no",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "GlobalKnownHostsFile": "none",
        "HostKeyAlias": "host",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": known_name,
    }
    said = [f"-o{name}={value}" for name, value in options.items()]
    line = shlex.join(["ssh", "-F", "none", "-i", PRIVATE_KEY, *said])
    text = f'#!/bin/sh\n# ssh for one confirmed key\ncd {shlex.quote(str(folder))} && exec {line} "$@"\n'
    path = folder / f"ssh.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    _keep(path, text.encode(), 0o700)
    return path


def _keep(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there as it should be, whole or not at all; others may write the same at once.

    One that a backup brought back is not to be executed any more.
    """
    if path.exists() and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
