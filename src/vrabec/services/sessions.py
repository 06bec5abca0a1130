"""Sessions of browsers: listed and ended by their person, or all of somebody's by an administrator."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import NotFound
from vrabec.models.changes import changed
from vrabec.models.sessions import Session
from vrabec.models.users import User
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.session_store import SessionStore

SEE_AFTER = timedelta(minutes=5)
"""A page that is asked for within this time of another one writes nothing."""


def list_sessions(actor: Actor) -> QuerySet[Session]:
    """The actor's own, the one last seen first. Raises Forbidden."""
    require(actor, "session.list")
    mine = Session.objects.filter(user_id=actor.user_id, expires_at__gt=now())
    return mine.order_by("-seen_at", "-pk")


def end_session(actor: Actor, *, session_id: int) -> None:
    """End one of the actor's own. Raises NotFound, Forbidden."""
    require(actor, "session.end")
    with transaction.atomic():
        found = list_sessions(actor).filter(pk=session_id).first()
        if found is None:
            raise NotFound("You have no session with this id.")
        record(actor, "session.end", of=_person(actor), where=found.agent, address=found.address)
        found.delete()
        changed("grant", actor.user_id)


def end_other_sessions(actor: Actor, *, but: int | None = None) -> int:
    """End all of the actor's own but this one; how many."""
    require(actor, "session.end")
    with transaction.atomic():
        others = Session.objects.filter(user_id=actor.user_id).exclude(pk=but or 0)
        count, _ = others.delete()
        if count:
            record(actor, "session.end", of=_person(actor), sessions=count)
            changed("grant", actor.user_id)
    return count


def sign_out_user(actor: Actor, *, user: User) -> int:
    """End all sessions of somebody, who may sign in again; how many there were. Raises Forbidden."""
    require(actor, "user.sign_out")
    with transaction.atomic():
        count = drop_sessions(user)
        record(actor, "user.sign_out", of=user, sessions=count)
    return count


def drop_sessions(user: User) -> int:
    """In a transaction: remove all sessions of `user`, whose open pages are asked again; how many."""
    count, _ = Session.objects.filter(user=user).delete()
    changed("grant", user.pk)
    return count


def see_session(session: SessionStore, address: str) -> None:
    """Note that the browser asks for a page, once in some minutes. The session is loaded already."""
    if session.seen_at is None or session.seen_at > now() - SEE_AFTER:
        return
    with suppress(OperationalError):  # on a full disk one can still look
        Session.objects.filter(pk=session.row_id or 0).update(seen_at=now(), address=address)


def forget_expired() -> None:
    """Remove the rows of sessions that have ended by time."""
    SessionStore.clear_expired()


def _person(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id)
