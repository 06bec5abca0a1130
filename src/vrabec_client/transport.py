"""JSON over one kept HTTP connection; a pinned certificate is checked before anything is sent."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from vrabec_client.errors import Invalid, Unauthenticated, Unavailable, Untrusted, VrabecError, from_answer
from vrabec_client.turns import TakesTurns

DEFAULT_PORT = 8443
"""The controller's own port, for an address given without a scheme and a port."""
API = "/api/v1"
CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 3.0
"""A connection unused for longer is made anew: the server closes idle ones after 5 s, and a POST that
meets the closing could not be told from one that was carried out."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HUNG_UP = (
    ConnectionResetError, BrokenPipeError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError,
)  # fmt: skip
_HOST = re.compile(r"[A-Za-z0-9._:%\[\]\u0080-\U0010ffff-]{1,253}")
_FINGERPRINT = re.compile(r"[0-9A-F]{64}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


class Address(NamedTuple):
    """Where a controller is. `prefix` is the path in front of /api, behind a proxy."""

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """As people write it."""
        usual = {"https": 443, "http": 80}[self.scheme]
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port == usual else f':{self.port}'}{self.prefix}"


def parse_address(text: str) -> Address:
    """The address in `text`: a URL, or a host with or without a port. Raises Invalid."""
    try:
        bare = "://" not in text
        parts = urlsplit(f"https://{text}" if bare else text)
        port = parts.port or (DEFAULT_PORT if bare else {"http": 80}.get(parts.scheme, 443))
    except ValueError as error:
        raise _bad_url() from error
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or _is_more_than_a_place(parts):
        raise _bad_url()
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise Invalid("Only https:// keeps the token secret; http:// is for this machine only.", field="url")
    return Address(parts.scheme, host, port, parts.path.rstrip("/"))


def _is_more_than_a_place(parts: Any) -> bool:
    return bool(parts.query or parts.fragment or parts.username or not parts.path.isprintable())


def _bad_url() -> Invalid:
    return Invalid("Write the controller's URL as https://host:8443.", field="url")


def normal_fingerprint(text: str) -> str:
    """The SHA-256 fingerprint in `text` as AA:BB:…, whichever way it was written. Raises Invalid."""
    bare = re.sub(r"[\s:]", "", text).upper().removeprefix("SHA256")
    if not _FINGERPRINT.fullmatch(bare):
        raise Invalid("A SHA-256 fingerprint has 64 hexadecimal digits.", field="fingerprint")
    return ":".join(bare[i : i + 2] for i in range(0, 64, 2))


def fingerprint_of(certificate: bytes) -> str:
    """The SHA-256 fingerprint of a certificate in DER."""
    return normal_fingerprint(hashlib.sha256(certificate).hexdigest())


def check_token(token: str) -> str:
    """Return `token` if it can stand in a header. Raises Invalid."""
    if not _TOKEN.fullmatch(token):
        raise Invalid("A token is one word of plain signs.", field="token")
    return token


def fetch_certificate(address: Address) -> bytes:
    """The certificate (DER) that `address` shows; nothing is sent to it. Raises Unavailable."""
    connection = http.client.HTTPSConnection(
        address.host, address.port, timeout=CONNECT_SECONDS, context=_unchecked()
    )
    try:
        connection.connect()
        return connection.sock.getpeercert(binary_form=True) or b""
    except OSError as error:
        raise _translated(error, address) from error
    finally:
        connection.close()


def _unchecked() -> ssl.SSLContext:
    # The handshake still proves that the peer holds the key of the certificate it shows.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _PinnedConnection(http.client.HTTPSConnection):
    """Takes one certificate and no other: not by a CA, not by a name."""

    pin = ""

    def connect(self) -> None:
        super().connect()
        shown = fingerprint_of(self.sock.getpeercert(binary_form=True) or b"")
        if not hmac.compare_digest(shown, self.pin):
            self.close()
            raise Untrusted(
                "The controller shows another certificate than the one you confirmed; nothing was sent. "
                "If it was renewed on purpose, sign in again: vrabec login URL.",
                raw=f"expected {self.pin}\nshown    {shown}",
            )


class Transport:
    """Requests to one controller. Not for several threads at once."""

    def __init__(self, address: Address, *, token: str = "", fingerprint: str = "", timeout: float = 30.0):
        self.address = address
        self.timeout = timeout
        self._token = check_token(token) if token else ""
        self._fingerprint = normal_fingerprint(fingerprint) if fingerprint else ""
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def request(
        self, method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None
    ) -> Any:
        """The answer's JSON, None for an empty one. Raises what `errors` lists."""
        target = f"{quote(self.address.prefix)}{API}{path}"
        if query:
            target += "?" + urlencode(query, errors="replace")
        payload = None if body is None else _encoded(body)
        is_fresh = self._drop_idle()
        try:
            status, content = self._exchange(method, target, payload)
        except _HUNG_UP as error:
            # A kept connection may have been closed meanwhile; only a GET is safe to say twice.
            if is_fresh or method != "GET":
                raise self._gone(method) from error
            status, content = self._again(target)
        return self._read(status, content)

    def new_socket(self) -> tuple[Any, dict[str, str]]:
        """A socket for something else than requests, its certificate checked; and who asks, as headers.

        One thread may read it while another writes. Raises Unavailable, Untrusted.
        """
        connection = self._new_connection()
        try:
            connection.connect()
        except OSError as error:
            raise _translated(error, self.address) from error
        line: Any = connection.sock
        line.settimeout(None)
        if isinstance(line, ssl.SSLSocket):
            line = TakesTurns(line)
        return line, {"Authorization": f"Bearer {self._token}"}

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _drop_idle(self) -> bool:
        if self._connection and time.monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()
        return self._connection is None

    def _again(self, target: str) -> tuple[int, bytes]:
        try:
            return self._exchange("GET", target, None)
        except _HUNG_UP as error:
            raise self._gone("GET") from error

    def _exchange(self, method: str, target: str, payload: bytes | None) -> tuple[int, bytes]:
        try:
            connection = self._connection or self._connect()
            connection.request(method, target, body=payload, headers=self._headers(payload))
            answer = connection.getresponse()
            content = answer.read()
        except (*_HUNG_UP, Untrusted):
            self.close()
            raise
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.close()
            raise _translated(error, self.address) from error
        self._used_at = time.monotonic()
        return answer.status, content

    def _connect(self) -> http.client.HTTPConnection:
        connection = self._new_connection()
        connection.connect()
        connection.sock.settimeout(self.timeout)
        self._connection = connection
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        host, port = self.address.host, self.address.port
        patience = min(CONNECT_SECONDS, self.timeout)
        if self.address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=patience)
        if not self._fingerprint:
            return http.client.HTTPSConnection(host, port, timeout=patience)
        pinned = _PinnedConnection(host, port, timeout=patience, context=_unchecked())
        pinned.pin = self._fingerprint
        return pinned

    def _headers(self, payload: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if payload is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def _read(self, status: int, content: bytes) -> Any:
        try:
            answer = json.loads(content) if content else None
        except ValueError:
            answer = content
        if 200 <= status < 300 and not isinstance(answer, bytes):
            return answer
        if 200 <= status < 400:
            raise VrabecError(f"What answers at {self.address.url} is no Vrabec controller.")
        raise from_answer(status, answer)

    def _gone(self, method: str) -> Unavailable:
        more = "" if method == "GET" else " It may have done what was asked; look before you ask again."
        return Unavailable(f"The controller at {self.address.url} hung up without an answer.{more}")


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        # Bytes of a command line or file that were no UTF-8 arrive as lone surrogates.
        raise Invalid("What is sent must be UTF-8 text.", raw=str(error)) from error


_EXPIRED = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""


def _translated(error: Exception, address: Address) -> VrabecError:
    raw = str(error)
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == _EXPIRED:
        return Untrusted(
            f"The certificate of {address.url} has ended, or the clock here is wrong. "
            "On the controller, vrabecd doctor says what to do.",
            raw=raw,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return Untrusted(
            f"Nothing here vouches for the certificate of {address.url}; confirm it once: "
            f"vrabec login {address.url}.",
            raw=raw,
        )
    if isinstance(error, ssl.SSLError):
        return Unavailable(f"What answers at {address.url} does not speak TLS as we do.", raw=raw)
    if isinstance(error, socket.gaierror | UnicodeError):
        return Unavailable(f"No host named {address.host} is known here.", raw=raw)
    if isinstance(error, TimeoutError):
        return Unavailable(f"The controller at {address.url} does not answer.", raw=raw)
    return Unavailable(f"There is no connection to the controller at {address.url}.", raw=raw)


def require_token(token: str) -> str:
    """Return `token` if there is one. Raises Unauthenticated."""
    if not token:
        raise Unauthenticated("Sign in first: vrabec login URL.")
    return check_token(token)
