"""Django's session engine over our table: what the browser's cookie says, and the row it stands for.

The columns of a row are what sign-in wrote into the session (frontends/web/entering.py); services/sessions.py
lists and ends them.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction

from vrabec.lib.clock import now
from vrabec.models.sessions import Session

ADDRESS, AGENT = "address", "agent"
"""What sign-in writes beside Django's own."""
ANONYMOUS_SECONDS = 3600
"""A session of nobody, as while somebody signs in elsewhere, lasts no longer: whoever asks gets one."""


class SessionStore(SessionBase):
    """One session. Once it is loaded `row_id` and `seen_at` say what its row does."""

    row_id: int | None = None
    seen_at: datetime | None = None

    def load(self) -> dict[str, Any]:
        """What the session holds, nothing when it has ended: one query."""
        row = Session.objects.filter(digest=digest(self.session_key), expires_at__gt=now()).first()
        if row is None:
            self._session_key = None
            return {}
        self.row_id, self.seen_at = row.pk, row.seen_at
        found: dict[str, Any] = self.decode(row.data)
        return found

    def exists(self, session_key: str) -> bool:
        """Whether there is one of this key."""
        return Session.objects.filter(digest=digest(session_key)).exists()

    def create(self) -> None:
        """Take a key that is free."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Write the row. Raises UpdateError for one that somebody ended meanwhile: it stays ended."""
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        columns = {"data": self.encode(data), "user_id": data.get(SESSION_KEY)}
        lasts = (
            self.get_expiry_age() if SESSION_KEY in data else min(self.get_expiry_age(), ANONYMOUS_SECONDS)
        )
        columns |= {"expires_at": now() + timedelta(seconds=lasts)}
        columns |= {name: data[name] for name in (ADDRESS, AGENT) if name in data}
        if must_create:
            return self._insert(columns)
        if not Session.objects.filter(digest=digest(self.session_key)).update(**columns):
            raise UpdateError
        return None

    def _insert(self, columns: dict[str, Any]) -> None:
        at = now()
        try:
            with transaction.atomic():
                row = Session.objects.create(
                    digest=digest(self.session_key), created_at=at, seen_at=at, **columns
                )
        except IntegrityError as error:
            raise CreateError from error
        self.row_id, self.seen_at = row.pk, at

    def delete(self, session_key: str | None = None) -> None:
        """Remove the row of this key, or of one's own."""
        key = self.session_key if session_key is None else session_key
        if key is not None:
            Session.objects.filter(digest=digest(key)).delete()

    @classmethod
    def clear_expired(cls) -> None:
        """Remove what has ended by time."""
        Session.objects.filter(expires_at__lt=now()).delete()


def digest(key: str | None) -> str:
    """What is stored of a key: its SHA-256; keys are random, so no salt."""
    return hashlib.sha256((key or "").encode()).hexdigest()
