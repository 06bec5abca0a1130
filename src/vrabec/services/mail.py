"""Mail to people: written with what causes it, in one transaction; who sends it: workflows/mail.py."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q, QuerySet

from vrabec.lib.clock import now
from vrabec.models.grants import holding
from vrabec.models.mail import Mail
from vrabec.models.projects import Project
from vrabec.models.roles import OWNER
from vrabec.models.users import User
from vrabec.models.vms import Vm

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
