"""Whether Vrabec works, for load balancers and people: one plain sentence a fault, nothing secret in it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import Error, connection

from vrabec.lib.errors import Unavailable
from vrabec.lib.heartbeat import STALE_SECONDS, last_beat
from vrabec.models.changes import heartbeat_of
from vrabec.models.hosts import Host

LOOPS = {"jobs": "No job runs", "inventory": "No host is watched"}
"""The engine's loops, and what it means when one stands still."""


def faults() -> list[str]:
    """What does not work, one sentence each; empty when all is well. Reads one row and two small files."""
    return [*_database(), *_engine()]


def _database() -> Iterator[str]:
    try:
        Host.objects.exists()
    except Error:
        connection.close()  # a broken one would be asked again
        yield "The database does not answer."


def _engine() -> Iterator[str]:
    for loop, meaning in LOOPS.items():
        last = last_beat(heartbeat_of(loop))
        if last is None:
            yield f"{meaning}: the engine has not started."
        elif last.age_s > STALE_SECONDS:
            yield f"{meaning}: the engine has not moved for {last.age_s:.0f} s."


def database_fault(error: Error) -> Unavailable:
    """What a person is told of a database that does not take or give a row; the log has what it said."""
    if "full" in str(error):  # SQLite's SQLITE_FULL and PostgreSQL's 53100 say so in these words
        return Unavailable("The controller's disk is full. Make room: vrabecd doctor says where.")
    return Unavailable("The controller's database does not answer: vrabecd doctor says why.")
