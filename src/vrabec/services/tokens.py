"""API tokens: made, listed, used and revoked by the person they stand for."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, NotFound, Unauthenticated
from vrabec.models.changes import changed
from vrabec.models.users import Token, TokenKind, User
from vrabec.services.people import digest
from vrabec.services.permissions import require
from vrabec.services.record import record

PREFIX = "vrabec_"
"""So that people and secret scanners recognise a leaked token."""
MAX_DAYS = 366
_TOUCH_AFTER = timedelta(minutes=1)


def create_token(actor: Actor, *, name: str, days: int = 90) -> tuple[Token, str]:
    """Create a token of the actor's own; the secret is returned this once. Raises Invalid."""
    require(actor, "token.create")
    if not 1 <= len(name.strip()) <= 64:
        raise Invalid("Give the token a name of 1 to 64 signs.", field="name")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid("A token lasts 1 to %(max)s days.", field="days", max=MAX_DAYS)
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = Token.objects.create(
            user_id=actor.user_id,
            name=name.strip(),
            digest=digest(secret),
            expires_at=now() + timedelta(days=days),
        )
        record(actor, "token.create", of=token, days=days)
    return token, secret


def list_tokens(actor: Actor) -> QuerySet[Token]:
    """The actor's own live tokens, newest first."""
    live = Token.objects.filter(user_id=actor.user_id, kind=TokenKind.API, ended_at=None)
    return live.filter(expires_at__gt=now()).order_by("-id")


def revoke_token(actor: Actor, *, token_id: int) -> None:
    """End one of the actor's own tokens. Raises NotFound."""
    with transaction.atomic():
        token = list_tokens(actor).filter(pk=token_id).first()
        if token is None:
            raise NotFound("You have no token with this id.")
        token.ended_at = now()
        token.save(update_fields=["ended_at"])
        record(actor, "token.revoke", of=token)
        changed("grant", actor.user_id)


def user_of_token(secret: str) -> User:
    """The user a bearer token stands for; its last use is noted once a minute. Raises Unauthenticated."""
    live = Token.objects.filter(digest=digest(secret), kind=TokenKind.API, ended_at=None)
    token = live.filter(expires_at__gt=now(), user__is_active=True).select_related("user").first()
    if token is None:
        raise Unauthenticated("This token is unknown or has ended. Sign in again: vrabec login URL.")
    if token.used_at is None or token.used_at < now() - _TOUCH_AFTER:
        with suppress(OperationalError):  # on a full disk one can still look
            Token.objects.filter(pk=token.pk).update(used_at=now())
    return token.user
