"""API tokens: made, listed, used and revoked by the person they stand for."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor, Held, Only
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, NotFound, Unauthenticated
from vrabec.models.changes import changed
from vrabec.models.projects import Project
from vrabec.models.users import Token, TokenKind
from vrabec.services.people import actor_of, digest
from vrabec.services.permissions import ACTIONS, Level, require
from vrabec.services.projects import projects_named
from vrabec.services.record import record

PREFIX = "vrabec_"
"""So that people and secret scanners recognise a leaked token."""
MAX_DAYS = 366
GRANTED = frozenset(verb for verb, level in ACTIONS.items() if level is Level.GRANTED)
_TOUCH_AFTER = timedelta(minutes=1)


def create_token(
    actor: Actor, *, name: str, days: int = 90, verbs: Iterable[str] = (), projects: Iterable[str] = ()
) -> tuple[Token, str]:
    """Create a token of the actor's own; the secret is returned this once.

    It is for all that its person may or, narrow, for these verbs alone, and in these projects alone (by
    name). Raises Invalid, Forbidden.
    """
    require(actor, "token.create")
    if not 1 <= len(name.strip()) <= 64:
        raise Invalid("Give the token a name of 1 to 64 signs.", field="name")
    if not 1 <= days <= MAX_DAYS:
        raise Invalid("A token lasts 1 to %(max)s days.", field="days", max=MAX_DAYS)
    projects = set(projects)
    verb_line, project_ids = _verb_line(set(verbs)), _project_ids(actor, projects)
    secret = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = Token.objects.create(
            user_id=actor.user_id,
            name=name.strip(),
            digest=digest(secret),
            expires_at=now() + timedelta(days=days),
            verb_line=verb_line,
            project_ids=project_ids,
        )
        record(actor, "token.create", of=token, days=days, verbs=verb_line.split(), projects=sorted(projects))
    return token, secret


def _verb_line(verbs: set[str]) -> str:
    """As a role keeps its verbs; "" for none. Raises Invalid for one that no role gives."""
    for verb in sorted(verbs):
        if ACTIONS.get(verb) is not Level.GRANTED:
            raise Invalid(
                "There is no verb %(verb)s that a token could be for.", field="verbs", verb=verb[:64]
            )
    return f" {' '.join(sorted(set(verbs)))} " if verbs else ""


def _project_ids(actor: Actor, names: set[str]) -> list[int] | None:
    """Raises Invalid for a project that the actor does not see."""
    if not names:
        return None
    return sorted(project.pk for project in projects_named(actor, names))


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


def project_names_of(tokens: Iterable[Token]) -> dict[int, list[str]]:
    """The names of the projects that each narrow token is for, those that are there still: one query."""
    ids = {pk for token in tokens for pk in token.project_ids or ()}
    names = dict(Project.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    return {token.pk: sorted(names[pk] for pk in token.project_ids or () if pk in names) for token in tokens}


def actor_of_token(secret: str, address: str = "") -> Actor:
    """Who a bearer token stands for, with what it allows of what they may. Raises Unauthenticated.

    Its last use is noted once a minute.
    """
    token = _live(secret)
    actor = replace(actor_of(token.user, address), token=token.name)
    if not token.verb_line and token.project_ids is None:
        return actor
    verbs = frozenset(token.verb_line.split()) or GRANTED
    held = Held(site=GRANTED) if actor.is_administrator else actor.held
    projects = None if token.project_ids is None else frozenset(token.project_ids)
    return replace(actor, is_administrator=False, held=held.within(verbs), only=Only(verbs, projects))


def _live(secret: str) -> Token:
    live = Token.objects.filter(digest=digest(secret), kind=TokenKind.API, ended_at=None)
    token = live.filter(expires_at__gt=now(), user__is_active=True).select_related("user").first()
    if token is None:
        raise Unauthenticated("This token is unknown or has ended. Sign in again: vrabec login URL.")
    if token.used_at is None or token.used_at < now() - _TOUCH_AFTER:
        with suppress(OperationalError):  # on a full disk one can still look
            Token.objects.filter(pk=token.pk).update(used_at=now())
    return token
