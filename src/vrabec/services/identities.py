"""People whom another system vouches for: their account at the first sign-in, and their groups at each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.errors import Conflict, Invalid, NotFound, Unauthenticated
from vrabec.lib.names import check_username
from vrabec.models.changes import changed
from vrabec.models.identities import Identity, Source
from vrabec.models.users import Group, Membership, User
from vrabec.services.administrators import require_not_above
from vrabec.services.people import record_step
from vrabec.services.permissions import require
from vrabec.services.record import record

MAX_SUBJECT = 255


@dataclass(frozen=True)
class Vouched:
    """What a source says of somebody who has just proved to it who they are.

    `groups` are the names of its groups, None where it knows of none: then memberships stay as they are.
    """

    source: Source
    subject: str
    username: str
    full_name: str = ""
    email: str = ""
    groups: frozenset[str] | None = None


def arrive(who: Vouched, *, address: str) -> User:
    """The account of somebody who signs in by a source's word, made now if there is none; on record.

    Raises Unauthenticated where the account is closed, or the name is another's or none that can be used.
    """
    with transaction.atomic():
        user = account_of(who)
        record_step(user, address, str(who.source))
    return user


def account_of(who: Vouched) -> User:
    """The account of somebody whom a source vouches for, made now if there is none.

    Raises Unauthenticated where the account is closed, or the name is another's or none that can be used.
    """
    with transaction.atomic():
        found = (
            Identity.objects.select_related("user").filter(source=who.source, subject=_subject(who)).first()
        )
        user = found.user if found else _made(who)
        if not user.is_active:
            raise Unauthenticated("Your account is closed. Ask an administrator.")
        _describe(user, who)
        if who.groups is not None:
            follow_groups(user, who.source, who.groups)
    return user


def link(actor: Actor, *, user: User, source: str, subject: str) -> Identity:
    """Let a source vouch for an account that is there. Raises Invalid, Conflict, Forbidden."""
    require(actor, "user.change")
    require_not_above(actor, user=user)
    if source not in Source.values:
        raise Invalid(
            "There is no such source; these are: %(all)s.", field="source", all=", ".join(Source.values)
        )
    if not 0 < len(subject) <= MAX_SUBJECT:
        raise Invalid("Say who they are there, in %(most)s signs at most.", field="subject", most=MAX_SUBJECT)
    with transaction.atomic():
        if Identity.objects.filter(source=source, subject=subject).exclude(user=user).exists():
            raise Conflict("This is somebody else's already.", field="subject")
        made, _ = Identity.objects.update_or_create(user=user, source=source, defaults={"subject": subject})
        record(actor, "user.identity", of=user, source=source, subject=subject)
    return made


def unlink(actor: Actor, *, user: User, source: str) -> None:
    """Let a source vouch for an account no longer; memberships by its word end.

    Raises NotFound, Forbidden.
    """
    require(actor, "user.change")
    require_not_above(actor, user=user)
    with transaction.atomic():
        if not Identity.objects.filter(user=user, source=source).delete()[0]:
            raise NotFound("%(name)s does not sign in by %(source)s.", name=user.username, source=source[:16])
        Membership.objects.filter(user=user, source=source).delete()
        record(actor, "user.identity_end", of=user, source=source)
        changed("grant", user.pk)


def follow_groups(user: User, source: str, names: Iterable[str]) -> None:
    """Make somebody a member of the groups that follow one of the source's, and of none else by its word.

    In a transaction. Memberships that were given by hand stay. Each change is on record.
    """
    said = frozenset(name.casefold() for name in names)
    wanted = {group.pk: group for group in Group.objects.exclude(outside="") if said & group.follows}
    rows = {row.group_id: row for row in Membership.objects.filter(user=user).select_related("group")}
    new = [group for pk, group in wanted.items() if pk not in rows]
    over = [row for pk, row in rows.items() if row.source == source and pk not in wanted]
    for group in new:
        Membership.objects.create(user=user, group=group, source=source)
        record(SYSTEM, "group.add", of=group, to=user.username, by=source)
    for row in over:
        row.delete()
        record(SYSTEM, "group.drop", of=row.group, to=user.username, by=source)
    if new or over:
        changed("grant", user.pk)


def _subject(who: Vouched) -> str:
    return who.subject[:MAX_SUBJECT]


def _made(who: Vouched) -> User:
    """A new account. Raises Unauthenticated for a name that is taken or cannot be used."""
    name = who.username.lower()
    try:
        check_username(name)
    except Invalid as error:
        raise Unauthenticated(
            "Your name there is %(name)s, which cannot be one here: %(why)s Ask an administrator.",
            name=who.username[:64],
            why=error.message,
        ) from error
    if User.objects.filter(username=name).exists():
        raise Unauthenticated(
            "There is an account named %(name)s already, which does not sign in this way. "
            "Ask an administrator: vrabec user vouch %(name)s %(source)s %(subject)s",
            name=name,
            source=str(who.source),
            subject=_subject(who),
        )
    user = User(username=name)
    user.set_unusable_password()
    user.save()
    Identity.objects.create(user=user, source=who.source, subject=_subject(who))
    record(SYSTEM, "user.create", of=user, by=str(who.source))
    return user


def _describe(user: User, who: Vouched) -> None:
    """The source knows better how somebody is called and reached."""
    said: dict[str, Any] = {"full_name": who.full_name[:120], "email": who.email[:254]}
    for name, value in said.items():
        setattr(user, name, value or getattr(user, name))
    user.save(update_fields=list(said))
