"""The engine's lock: one engine a database, and the lock dies with its process."""

from __future__ import annotations

import fcntl
from pathlib import Path

from django.conf import settings
from django.db import connections

from vrabec.lib.errors import Conflict

_ADVISORY_KEY = 0x7672_6162
"""PostgreSQL's advisory locks are named by a number: "vrab"."""


class EngineLock:
    """Held from `take` until the process ends; never released by hand, so that no path can forget it."""

    def take(self) -> None:
        """Take the lock. Raises Conflict when another engine lives."""
        file = (Path(settings.VRABEC_RUN_DIR) / "engine.lock").open("w")
        _HOLDERS.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("Another Vrabec engine runs here; stop it first.") from error
        if connections["default"].vendor == "postgresql" and not _advisory_lock():
            raise Conflict("Another Vrabec engine works on this database; stop it first.")


def _advisory_lock() -> bool:
    """Take PostgreSQL's session lock on a connection of its own that stays open for the process's life."""
    holder = connections.create_connection("default")
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ADVISORY_KEY])
        _HOLDERS.append(holder)
        return bool(cursor.fetchone()[0])


_HOLDERS: list[object] = []
"""Keeps the file and the connection open: their end, and be it by the garbage collector, is the lock's."""
