"""A mail server that keeps what it gets, for tests: real SMTP on loopback, gone afterwards."""

import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.installation import free_port
from tests.lab.pki import Authority

USER, PASSWORD = "vrabec", "lets mail through"


class MailServer:
    """Takes mail on `port` and keeps it in `got`; addresses in `refuses` are answered with their line.

    `folder` has the authority of its certificate where it speaks TLS, by STARTTLS or (`is_tls`) at once.
    `asks`: it takes mail from USER alone.
    """

    def __init__(self, folder: Path | None = None, *, is_tls: bool = False, asks: bool = False) -> None:
        self.port = free_port()
        self.got: list[EmailMessage] = []
        self.refuses: dict[str, str] = {}
        self.busy = ""
        context = _context(folder) if folder else None
        options: dict[str, Any] = {"auth_required": True, "authenticator": _authenticate} if asks else {}
        if is_tls:
            options |= {"ssl_context": context, "auth_require_tls": False}
        elif context:
            options |= {"tls_context": context, "require_starttls": True}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take who is not refused."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep it, or answer what `busy` says."""
        if self.busy:
            return self.busy
        assert isinstance(envelope.content, bytes)
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"


def _context(folder: Path) -> ssl.SSLContext:
    Authority().issue(folder, "server")
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(folder / "servercert.pem", folder / "serverkey.pem")
    return made


def _authenticate(server: SMTP, session: Session, envelope: Envelope, way: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=known, handled=False)
