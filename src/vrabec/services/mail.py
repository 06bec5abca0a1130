"""Mail to people: written with what causes it, in one transaction; who sends it: workflows/mail.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.models.grants import holding
from vrabec.models.mail import Mail
from vrabec.models.projects import Project
from vrabec.models.roles import OWNER
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.record import record

SIGNATURE = "-- \nVrabec, %(at)s"


@dataclass(frozen=True)
class Letter:
    """What is said: `text` without greeting and signature."""

    subject: str
    text: str


def is_on() -> bool:
    """Whether there is a server that takes mail; without one nothing is written."""
    return bool(settings.VRABEC_CONFIG.mail_server)


def write_mail(people: Iterable[User], letter: Letter) -> int:
    """Write a letter to each who has an address and an open account, to be sent soon; to how many."""
    if not is_on():
        return 0
    rows = [_to(user, letter) for user in people if user.email and user.is_active]
    return len(Mail.objects.bulk_create(rows))


def _to(user: User, letter: Letter) -> Mail:
    signature = SIGNATURE % {"at": settings.VRABEC_CONFIG.reached_at}
    text = f"Hello {' '.join(user.shown_name.split())},\n\n{letter.text}\n\n{signature}\n"
    subject = " ".join(letter.subject.split())[:200]
    return Mail(user=user, to=user.email, subject=subject, text=text, created_at=now())


def link_to(path: str) -> str:
    """The address of a page, as people reach it."""
    return f"{settings.VRABEC_CONFIG.reached_at}{path}"


def owners_of(vm: Vm) -> list[User]:
    """Whose the machine is: a person, the members of a group, else the owners of its project."""
    if vm.owner:
        return [vm.owner]
    if vm.owner_group:
        return list(User.objects.filter(memberships__group=vm.owner_group).order_by("pk"))
    return list(owners_of_project(vm.project)) if vm.project else []


def owners_of_project(project: Project) -> QuerySet[User]:
    """Who has the role of an owner on a project, as a person or by a group."""
    theirs = "memberships__group__grants__"
    own = Q(grants__project=project, grants__role=OWNER) & holding("grants__")
    by_group = Q(**{f"{theirs}project": project, f"{theirs}role": OWNER}) & holding(theirs)
    return User.objects.filter(own | by_group).distinct().order_by("pk")


def list_unsent(actor: Actor) -> QuerySet[Mail]:
    """Mail that was given up, the last first. Raises Forbidden."""
    require(actor, "mail.list")
    return _unsent().order_by("-given_up_at", "-pk")


def get_unsent(actor: Actor, *, mail_id: int) -> Mail:
    """The mail of this id that was given up, to send it again. Raises NotFound, Forbidden."""
    require(actor, "mail.send")
    mail = _unsent().filter(pk=mail_id).first()
    if mail is None:
        raise NotFound("There is no mail with this id that was given up.")
    return mail


def _unsent() -> QuerySet[Mail]:
    return Mail.objects.filter(given_up_at__isnull=False).select_related("user")


def send_again(actor: Actor, *, mail: Mail) -> Mail:
    """Let a mail that was given up be sent soon, to the address that its person has now, with patience anew.

    Raises Invalid for who has no address or a closed account, Conflict when somebody was quicker, Forbidden.
    """
    require(actor, "mail.send")
    user = mail.user
    if not user.email or not user.is_active:
        raise Invalid(
            "%(name)s has no address, or a closed account: nobody would get it.", name=user.username
        )
    fresh = {"to": user.email, "created_at": now(), "tries": 0, "not_before": None, "given_up_at": None}
    with transaction.atomic():
        given_up = Mail.objects.filter(pk=mail.pk, given_up_at__isnull=False)
        if not given_up.update(**fresh, error=""):
            raise Conflict("This mail is being sent again already.")
        record(actor, "mail.send", of=mail, to=user.email)
    mail.refresh_from_db()
    return mail
