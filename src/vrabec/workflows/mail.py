"""How mail is sent: by a thread of the engine, so that nobody waits for SMTP; what cannot be sent now, later.

A mail is sent once and, where the engine dies between the server's answer and our note of it, twice.
"""

from __future__ import annotations

import logging
import ssl
import time
from datetime import timedelta
from pathlib import Path
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException, SMTPServerDisconnected
from threading import Event, Thread
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db import Error, connection
from django.db.models import Q, QuerySet

from vrabec.lib.clock import now
from vrabec.lib.errors import Unavailable
from vrabec.models.mail import Mail

logger = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
ANSWER_SECONDS = 20
BATCH = 20
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=4)
PATIENCE = timedelta(days=3)
"""After so long a mail is given up."""
KEPT = timedelta(days=30)
"""What was sent stays so long, for who asks whether it was."""
TIDY_SECONDS = 3600.0


class Server(Protocol):
    """What the settings say of the server that takes our mail."""

    @property
    def mail_server(self) -> str:
        """Its name."""

    @property
    def mail_port(self) -> int:
        """Its port."""

    @property
    def mail_security(self) -> str:
        """One of starttls, tls, none."""

    @property
    def mail_ca(self) -> str:
        """A file with the authority of its certificate, or nothing."""

    @property
    def mail_user(self) -> str:
        """Who we are there, or nothing."""

    @property
    def mail_password_file(self) -> str:
        """Where the password is, or nothing."""

    @property
    def mail_from(self) -> str:
        """Our address."""


class Post(Thread):
    """Sends what waits until it is stopped."""

    def __init__(self) -> None:
        super().__init__(name="mail", daemon=True)
        self._stopping = Event()
        self._next_tidy = time.monotonic()

    def run(self) -> None:
        """Look every few seconds."""
        while not self._stopping.is_set():
            try:
                send_due()
                self._tidy()
            except Error:
                logger.exception("the mail that waits could not be read")
                connection.close()
            self._stopping.wait(LOOK_SECONDS)
        connection.close()

    def stop(self) -> None:
        """End soon; a server that does not answer is left with the process."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)

    def _tidy(self) -> None:
        if time.monotonic() >= self._next_tidy:
            self._next_tidy = time.monotonic() + TIDY_SECONDS
            Mail.objects.filter(created_at__lt=now() - KEPT).delete()


def send_due() -> int:
    """Send what is due, over one connection; how many were sent."""
    due = list(waiting().filter(Q(not_before=None) | Q(not_before__lte=now())).order_by("pk")[:BATCH])
    if not due:
        return 0
    try:
        line = open_mail(settings.VRABEC_CONFIG)
        line.open()
    except (OSError, Unavailable) as error:
        logger.warning("the mail server does not answer: %s", error)
        for mail in due:
            _put_off(mail, error)
        return 0
    try:
        return _send_each(line, due)
    finally:
        line.close()


def waiting() -> QuerySet[Mail]:
    """What was neither sent nor given up."""
    return Mail.objects.filter(sent_at=None, given_up_at=None)


def _send_each(line: EmailBackend, due: list[Mail]) -> int:
    """Those after one at which the connection broke wait for the next look."""
    sent = 0
    for mail in due:
        try:
            line.send_messages([_message(mail)])
        except (OSError, ValueError) as error:  # all of smtplib's are OSErrors
            logger.warning("mail %s to %s was not sent: %s", mail.pk, mail.to, error)
            if is_final(error):
                _give_up(mail, error)
            else:
                _put_off(mail, error)
            if _has_broken(error):
                break
        else:
            Mail.objects.filter(pk=mail.pk).update(sent_at=now(), error="")
            sent += 1
    return sent


def _message(mail: Mail) -> EmailMessage:
    """With an id of its own, the same at each try: who gets it twice is shown it once, by many programs."""
    sender = settings.VRABEC_CONFIG.mail_from
    name = f"vrabec-{mail.pk}-{mail.created_at:%Y%m%d%H%M%S}"
    own = {"Message-ID": f"<{name}@{sender.rpartition('@')[2]}>", "Auto-Submitted": "auto-generated"}
    return EmailMessage(mail.subject, mail.text, f"Vrabec <{sender}>", [mail.to], headers=own)


def is_final(error: Exception) -> bool:
    """Whether another try would be answered the same: 5xx, or an address that is none."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _ in error.recipients.values())
    if isinstance(error, SMTPResponseException):
        return 500 <= error.smtp_code < 600
    return isinstance(error, ValueError)


def _has_broken(error: Exception) -> bool:
    """Whether the connection is of no use any more."""
    return isinstance(error, SMTPServerDisconnected) or (
        isinstance(error, OSError) and not isinstance(error, SMTPException)
    )


def said_by(error: Exception) -> str:
    """What the server said, as people read it; smtplib keeps it by recipient, in bytes."""
    code: int = 0
    text: bytes | str = ""
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return f"{code} {words}".strip() if code else str(error)


def _put_off(mail: Mail, error: Exception) -> None:
    if now() - mail.created_at > PATIENCE:
        _give_up(mail, error)
        return
    pause = min(FIRST_PAUSE * 2 ** min(mail.tries, 10), LONGEST_PAUSE)
    said = {"tries": mail.tries + 1, "error": said_by(error)[:2000]}
    Mail.objects.filter(pk=mail.pk).update(not_before=now() + pause, **said)


def _give_up(mail: Mail, error: Exception) -> None:
    said = {"tries": mail.tries + 1, "error": said_by(error)[:2000]}
    Mail.objects.filter(pk=mail.pk).update(given_up_at=now(), **said)


def open_mail(server: Server) -> EmailBackend:
    """A connection to the server of the settings, not opened yet. Raises Unavailable."""
    made = EmailBackend(
        host=server.mail_server,
        port=server.mail_port,
        username=server.mail_user,
        password=_password(server),
        use_tls=server.mail_security == "starttls",
        use_ssl=server.mail_security == "tls",
        timeout=ANSWER_SECONDS,
    )
    made.ssl_context = ssl.create_default_context(cafile=server.mail_ca or None)
    return made


def _password(server: Server) -> str:
    if not server.mail_password_file:
        return ""
    try:
        return Path(server.mail_password_file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            "The mail server's password in %(path)s cannot be read.",
            path=server.mail_password_file,
            raw=str(error),
        ) from error


def send_test(server: Server, to: str) -> None:
    """Send a mail now. Raises Unavailable with what the server said."""
    text = "This is a test: Vrabec can send mail.\n"
    own = {"Auto-Submitted": "auto-generated"}
    message = EmailMessage("Vrabec can send mail", text, f"Vrabec <{server.mail_from}>", [to], headers=own)
    try:
        open_mail(server).send_messages([message])
    except (OSError, ValueError) as error:
        raise _refused(server, error) from error


def ask_server(server: Server) -> None:
    """Open a connection, sign in, and close it. Raises Unavailable."""
    line = open_mail(server)
    try:
        line.open()
        line.close()
    except OSError as error:
        raise _refused(server, error) from error


def _refused(server: Server, error: Exception) -> Unavailable:
    return Unavailable(
        "%(server)s:%(port)s does not take our mail (%(why)s): see the settings that begin with mail_.",
        server=server.mail_server,
        port=server.mail_port,
        why=str(error),
    )
