"""Rounds over the directory's people: who is gone there is out here, and groups follow without a sign-in."""

from __future__ import annotations

import logging
import time
from threading import Thread

from django.db import Error, connection

from vrabec.config.directory_backend import Directory
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import VrabecError
from vrabec.models.identities import Identity, Source
from vrabec.models.users import User
from vrabec.services.accounts import Account, change_account

logger = logging.getLogger(__name__)
ROUND_SECONDS = 900.0
FEW = 2
"""So many may be gone at once, however many there are; of more, no more than half."""


class Rounds(Thread):
    """Goes round every quarter of an hour as long as its process lives; what it writes is whole."""

    def __init__(self) -> None:
        super().__init__(name="directory", daemon=True)

    def run(self) -> None:
        """What goes wrong once goes better the next time."""
        while True:
            time.sleep(ROUND_SECONDS)
            try:
                go_round()
            except (VrabecError, Error):
                logger.warning("the round over the directory's people broke off", exc_info=True)
            connection.close()


def go_round() -> list[str]:
    """Ask the directory for everybody it vouches for, and close the accounts of who is gone: their names.

    Where more than half are gone, the settings or the directory's rights are wrong, and nobody is touched.
    Raises Unavailable.
    """
    rows = list(Identity.objects.filter(source=Source.LDAP, user__is_active=True).select_related("user"))
    gone = [row.user for row in rows if Directory().populate_user(row.subject) is None]
    if len(gone) > max(FEW, len(rows) // 2):
        logger.error(
            "the directory knows %s of its %s people no more: nobody is touched", len(gone), len(rows)
        )
        return []
    return [user.username for user in gone if _is_closed(user)]


def _is_closed(user: User) -> bool:
    """Close the account: sessions and tokens end with it. The last administrator's stays open."""
    try:
        change_account(SYSTEM, user=user, account=Account(is_active=False))
    except VrabecError as error:
        logger.warning("%s is gone from the directory; the account stays open: %s", user.username, error)
        return False
    logger.info("%s is gone from the directory: the account is closed", user.username)
    return True
