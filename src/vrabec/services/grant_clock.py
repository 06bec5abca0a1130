"""Grants by the clock: one whose last day is over is removed, and its end is on record.

From that moment on nobody has a right by it, whether this was done or not: questions ask for the day
(models/grants.py:holding). This is what makes room for the next one, and what tells open pages.
"""

from __future__ import annotations

from django.db import transaction

from vrabec.lib.actor import SYSTEM
from vrabec.models.changes import changed
from vrabec.models.grants import SCOPES, Grant, Today
from vrabec.services.access import scope_of
from vrabec.services.holders import Holder
from vrabec.services.record import record


def end_grants() -> int:
    """Remove each grant whose last day is over; how many there were."""
    over = Grant.objects.filter(until__lt=Today()).select_related("user", "group", *SCOPES)
    return sum(_end(grant) for grant in over)


def _end(grant: Grant) -> bool:
    holder = Holder(grant.user, grant.group)
    with transaction.atomic():
        # Only as it was read: somebody may have given it for longer meanwhile.
        if not Grant.objects.filter(pk=grant.pk, until=grant.until).delete()[0]:
            return False
        until = grant.until.isoformat() if grant.until else ""
        row = scope_of(grant) or holder.row
        record(SYSTEM, "grant.end", of=row, role=grant.role, to=holder.name, until=until)
        changed("grant", grant.user_id or 0)
    return True
