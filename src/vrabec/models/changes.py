"""Tell the web process which rows changed, after they did.

A change is (kind, id); the live hub reads the row itself and so can never show an older state.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson
from django.conf import settings
from django.db import transaction

from vrabec.lib import wire

_PER_MESSAGE = 2000


def changed(kind: str, *ids: int) -> None:
    """Announce rows of `kind` ("vm", "job", "host", "template") once the transaction commits.

    "grant" is a user who lost a right, a session or a token: what they have open is asked again.
    """
    transaction.on_commit(lambda: announce((kind, i) for i in ids))


def announce(changes: Iterable[tuple[str, int]]) -> None:
    """Announce changes that are already committed."""
    rows = list(changes)
    for start in range(0, len(rows), _PER_MESSAGE):
        wire.send(web_socket(), orjson.dumps(rows[start : start + _PER_MESSAGE]))


def web_socket() -> Path:
    """Where the web process listens for changes."""
    return Path(settings.VRABEC_RUN_DIR) / "web.sock"


def heartbeat_of(loop: str) -> Path:
    """Where a loop of the engine process says that it lives: "jobs" or "inventory"."""
    return Path(settings.VRABEC_RUN_DIR) / f"{loop}.beat"


def engine_socket() -> Path:
    """Where the engine listens to be told that a job waits."""
    return Path(settings.VRABEC_RUN_DIR) / "engine.sock"
