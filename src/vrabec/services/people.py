"""People: who they are as actors, how they sign in, and their passwords."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from vrabec.lib.actor import NO_VERBS, SYSTEM, Actor, Held
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, Unauthenticated
from vrabec.lib.names import check_username
from vrabec.models.changes import changed
from vrabec.models.composed import asked
from vrabec.models.grants import Grant
from vrabec.models.roles import ADMINISTRATOR, OWNED
from vrabec.models.sessions import Session
from vrabec.models.users import Token, TokenKind, User
from vrabec.services.factor_rows import drop_factors
from vrabec.services.failures import Failures
from vrabec.services.permissions import verbs_of
from vrabec.services.record import record

LINK_LIFE = timedelta(hours=1)
_LINKS = (TokenKind.SIGN_IN, TokenKind.WAY_BACK)
_OF_PROJECTS = frozenset({"vm.create", "vm.place"})
"""Verbs that say something in a project alone, also where a role with them holds on less."""
_GROUPS = "SELECT group_id FROM vrabec_membership WHERE user_id = %s"
_HELD = f"""
    SELECT DISTINCT CASE WHEN cluster_id IS NOT NULL THEN 'cluster' WHEN project_id IS NOT NULL THEN 'project'
        WHEN vm_id IS NOT NULL THEN 'vm' ELSE 'site' END, held.role, own.verb_line,
        CASE WHEN own.needs_second_factor THEN 1 ELSE 0 END
    FROM vrabec_grant AS held LEFT JOIN vrabec_role AS own ON own.name = held.role
    WHERE (user_id = %s OR group_id IN ({_GROUPS})) AND (until IS NULL OR until >= CURRENT_DATE)
    UNION SELECT 'withheld', verb, '', 0 FROM vrabec_withheld WHERE user_id = %s OR group_id IN ({_GROUPS})
    UNION SELECT 'owned', '', '', 0 WHERE EXISTS (SELECT 1 FROM vrabec_vm
        WHERE (owner_id = %s OR owner_group_id IN ({_GROUPS})) AND deleted_at IS NULL)
"""  # noqa: S608 - texts of ours


def actor_of(user: User, address: str = "") -> Actor:
    """`user` as an actor, with what they were given as of now: one query."""
    ways: dict[str, frozenset[str]] = {}
    found = asked(_HELD, [user.pk] * _HELD.count("%s"))
    for way, role, own, _ in found:
        verbs = OWNED if way == "owned" else frozenset([role]) if way == "withheld" else verbs_of(role, own)
        ways[way] = ways.get(way, NO_VERBS) | (verbs - _OF_PROJECTS if way in ("vm", "cluster") else verbs)
    is_administrator = any(role == ADMINISTRATOR for _, role, _, _ in found)
    return Actor(
        user.pk,
        user.shown_name,
        is_administrator,
        address,
        Held(**ways),
        needs_factor=user.second_factor_since is None and any(_needs_factor(row) for row in found),
    )


def _needs_factor(row: tuple[str, str, str, int]) -> bool:
    """Whether a role, built in by the settings or the site's own, wants a second factor of who has it."""
    way, role, _, is_needed = row
    return bool(is_needed) or (way != "withheld" and role in settings.VRABEC_REQUIRE_SECOND_FACTOR)


def create_administrator(username: str) -> User:
    """Create an administrator who has no password yet, or give the one there is back. Raises Invalid."""
    check_username(username)
    with transaction.atomic():
        user, created = User.objects.get_or_create(username=username, defaults={"must_change_password": True})
        if created:
            user.set_unusable_password()
            user.save()
            record(SYSTEM, "user.create", of=user)
        Grant.objects.update_or_create(
            user=user, cluster=None, project=None, vm=None, role=ADMINISTRATOR, defaults={"until": None}
        )
    return user


def make_sign_in_link(user: User, *, by: Actor = SYSTEM, is_way_back: bool = False) -> str:
    """Make the secret of a link that signs `user` in once within an hour and makes them set a password.

    A way back removes their second factors when it is used: it is for whoever runs the controller.
    """
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        Token.objects.filter(user=user, kind__in=_LINKS, ended_at=None).update(ended_at=now())
        Token.objects.create(
            user=user,
            kind=TokenKind.WAY_BACK if is_way_back else TokenKind.SIGN_IN,
            name="sign-in link",
            digest=digest(secret),
            expires_at=now() + LINK_LIFE,
        )
        record(by, "user.link", of=user)
    return secret


def use_sign_in_link(secret: str, address: str = "") -> User:
    """The user whom `secret` signs in; it works once. Raises Unauthenticated."""
    refused = Unauthenticated(
        "This link was used or has ended. Ask an administrator for a new one; on the controller "
        "`vrabecd create-admin` makes one."
    )
    with transaction.atomic():
        live = Token.objects.filter(digest=digest(secret), kind__in=_LINKS, ended_at=None)
        token = live.filter(expires_at__gt=now(), user__is_active=True).select_related("user").first()
        if token is None or not live.filter(pk=token.pk).update(used_at=now(), ended_at=now()):
            raise refused
        User.objects.filter(pk=token.user_id).update(must_change_password=True)
        user = token.user
        if token.kind == TokenKind.WAY_BACK and user.second_factor_since is not None:
            record(SYSTEM, "user.factors", of=user)
            drop_factors(user)
            user.refresh_from_db()
        record_step(user, address, "link")
    return User.objects.get(pk=token.user_id)


def sign_in(username: str, password: str, address: str = "") -> User:
    """The user of this name and password.

    Raises Unauthenticated, Unavailable, or TooMany after too many failures from there in five minutes.
    """
    username = username.replace("\0", "")
    _FAILURES.check(username, address)
    user = authenticate(username=username, password=password)
    if not isinstance(user, User):
        _FAILURES.add(username, address, "password")
        raise Unauthenticated("The name or the password is wrong.")
    record_step(user, address, user.vouched_by or "password")
    return user


def record_step(user: User, address: str, by: str) -> None:
    """A session begins, or the first of two steps was done."""
    action = "session.begin" if user.second_factor_since is None else "session.first_step"
    record(actor_of(user, address), action, of=user, by=by)


def set_password(actor: Actor, *, password: str, current: str | None = None) -> None:
    """Set the actor's own password; `current` is not asked for after a sign-in by link.

    Raises Invalid, TooMany after too many wrong present ones.
    """
    user = User.objects.get(pk=actor.user_id)
    if not user.must_change_password:
        require_password(actor, user, current or "")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("%(why)s", field="password", why=" ".join(error.messages)) from error
    with transaction.atomic():
        user.set_password(password)
        user.must_change_password = False
        user.save()
        record(actor, "account.password", of=user)
        Session.objects.filter(user=user).delete()  # the one that asks goes on with a new key
        changed("grant", user.pk)


def require_password(actor: Actor, user: User, password: str) -> None:
    """Ask the actor once more for their own password. Raises Invalid, TooMany."""
    _FAILURES.check(user.username, actor.address)
    if not user.check_password(password):
        _FAILURES.add(user.username, actor.address, "present password")
        raise Invalid("This is not your present password.", field="current")


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256; the secrets are random, so no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


_FAILURES = Failures()
