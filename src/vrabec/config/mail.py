"""What `vrabecd doctor` says of mail: whether the server answers, and what waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from vrabec.config.files import Config
from vrabec.config.findings import Finding, Grade
from vrabec.lib.clock import now
from vrabec.lib.errors import VrabecError

LATE = timedelta(hours=1)


def look_at_mail(config: Config) -> Iterator[Finding]:
    """Whether the server of the settings takes mail; nothing where there is none."""
    from vrabec.workflows.mail import ask_server

    if not config.mail_server:
        return
    try:
        ask_server(config)
        yield Finding(Grade.OK, "mail", f"{config.mail_server} answers")
    except VrabecError as error:
        yield Finding(Grade.FAIL, "mail", str(error))
    if words := _late():
        yield Finding(Grade.WARN, "mail", words)


def _late() -> str:
    """What waits for long, and what was given up of late."""
    from django.db.utils import Error

    from vrabec.models.mail import Mail

    try:
        waits = Mail.objects.filter(sent_at=None, given_up_at=None, created_at__lt=now() - LATE).count()
        lost = Mail.objects.filter(given_up_at__gt=now() - timedelta(days=7)).order_by("-pk")
        count, last = lost.count(), lost.first()
    except Error:
        return ""  # said by the check of the database
    parts = [f"{waits} mails wait for more than an hour"] if waits else []
    if last:
        parts.append(f"{count} could not be sent this week, the last to {last.to} ({last.error})")
    return "; ".join(parts) + "." if parts else ""
