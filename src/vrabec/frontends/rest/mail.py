"""/mail: what could not be sent, and sending it again."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.models.mail import Mail
from vrabec.services import mail

router = Router(tags=["people"], auth=AUTH)
MOST = 200


class MailOut(Schema):
    """A mail to somebody, and what the server said last. `given_up_at` is null while it waits to be sent."""

    id: int
    user: str
    to: str
    subject: str
    created_at: datetime
    tries: int
    given_up_at: datetime | None
    error: str

    @staticmethod
    def of(row: Mail) -> MailOut:
        """The schema of a row."""
        return MailOut(
            id=row.pk,
            user=row.user.username,
            to=row.to,
            subject=row.subject,
            created_at=row.created_at,
            tries=row.tries,
            given_up_at=row.given_up_at,
            error=row.error,
        )


@router.get("/mail", response=answers({200: list[MailOut]}), operation_id="list_mail")
@action("mail.list")
def index(request: HttpRequest) -> list[MailOut]:
    """Mail that was given up, the last 200."""
    return [MailOut.of(row) for row in mail.list_unsent(actor(request))[:MOST]]


@router.post("/mail/{mail_id}/send", response=answers({200: MailOut}), operation_id="send_mail")
@action("mail.send")
def send(request: HttpRequest, mail_id: int) -> MailOut:
    """Send it again soon, to the address that its person has now."""
    who = actor(request)
    return MailOut.of(mail.send_again(who, mail=mail.get_unsent(who, mail_id=mail_id)))
