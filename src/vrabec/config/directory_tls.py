"""Connections to a directory, whose TLS is Python's and not libldap's.

libldap as Debian 12 has it (2.5.13, GnuTLS) asks again and again, without a pause, while a handshake waits
for the other side, whatever LDAP_OPT_NETWORK_TIMEOUT says: a directory that hangs there cost a thread and a
core for ever. So libldap speaks over one end of a pair of sockets, and a thread carries what it says.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import ldap
from pyasn1.codec.ber import decoder  # python-ldap's own
from pyasn1.error import PyAsn1Error, SubstrateUnderrunError
from pyasn1_modules.rfc2251 import LDAPMessage

PORTS = {"ldap": 389, "ldaps": 636}
START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
"""The request of RFC 4511, 4.14.1, as message 1."""
_RECORD = 1 << 14
"""The most that TLS decrypts at once: nothing stays where a selector would not see it."""


def connect(url: str, *, ca: str, patience_s: float, **_: object) -> Any:
    """An LDAPObject whose connection is made and secured, StartTLS for ldap://. Raises LDAPError.

    `ca` is the file of authorities that vouch for the directory, "" the machine's own. All of it takes
    `patience_s` at most, and as long again for each address of the host that does not answer.
    """
    try:
        outer = _secured(url, _trust(ca), patience_s)
    except (ssl.SSLError, PyAsn1Error, _Refused) as error:
        raise ldap.CONNECT_ERROR({"desc": "TLS is not possible", "info": str(error)}) from error
    except OSError as error:
        raise ldap.SERVER_DOWN({"desc": "no connection", "info": str(error)}) from error
    inner, theirs = socket.socketpair()
    Thread(target=_carry, args=(inner, outer), name="directory connection", daemon=True).start()
    return ldap.initialize("ldap://", fileno=theirs.detach())


class _Refused(Exception):
    pass


def _trust(ca: str) -> ssl.SSLContext:
    try:
        trust = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise _Refused(f"ldap_ca {ca} cannot be used: {error}") from error
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13's: authorities of many sites are not so exact
    return trust


def _secured(url: str, trust: ssl.SSLContext, patience_s: float) -> ssl.SSLSocket:
    where = urlsplit(url)
    host = where.hostname or ""
    end = time.monotonic() + patience_s
    plain = socket.create_connection((host, where.port or PORTS[where.scheme]), patience_s)
    try:
        plain.settimeout(max(0.1, end - time.monotonic()))
        if where.scheme == "ldap":
            _start_tls(plain)
            plain.settimeout(max(0.1, end - time.monotonic()))
        return trust.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _start_tls(plain: socket.socket) -> None:
    plain.sendall(START_TLS)
    answer = _answer(plain)["protocolOp"].getComponent()
    if int(answer["resultCode"]):
        raise _Refused(f"StartTLS was refused: {answer['resultCode'].prettyPrint()}")


def _answer(plain: socket.socket) -> Any:
    data = b""
    while got := plain.recv(1024):
        data += got
        with suppress(SubstrateUnderrunError):  # more is to come
            return decoder.decode(data, LDAPMessage())[0]
    raise _Refused("StartTLS was not answered")


def _carry(inner: socket.socket, outer: ssl.SSLSocket) -> None:
    """Carry both ways until one side is done. What goes wrong, libldap sees as an end of its connection."""
    outer.setblocking(False)
    with inner, outer, DefaultSelector() as selector, suppress(OSError):
        selector.register(inner, EVENT_READ, outer)
        selector.register(outer, EVENT_READ, inner)
        while all(_passed_on(key.fileobj, key.data) for key, _ in selector.select()):
            pass


def _passed_on(source: Any, sink: socket.socket) -> bool:
    try:
        data = source.recv(_RECORD)
    except ssl.SSLWantReadError:
        return True  # a half record, or one of TLS's own
    sink.sendall(data)
    return bool(data)
