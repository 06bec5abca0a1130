"""The clock: one place to ask, so that a test can set it; and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from vrabec.lib.errors import Invalid


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def parse_time(text: str, field: str) -> datetime | None:
    """A time of ISO 8601, in UTC where it has no zone; None for "". Raises Invalid naming `field`."""
    try:
        found = datetime.fromisoformat(text) if text else None
        return found and (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("Write a time such as 2026-11-20T14:00:00Z.", field=field) from error
