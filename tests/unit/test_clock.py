"""Times as people write them."""

from datetime import UTC, datetime

import pytest

from vrabec.lib.clock import parse_time
from vrabec.lib.errors import Invalid


@pytest.mark.parametrize("text", ["2026-11-20", "2026-11-20T00:00Z", "2026-11-20T01:00+01:00", "20261120"])
def test_a_time_is_read_as_utc_where_it_has_no_zone(text: str) -> None:
    assert parse_time(text, "since") == datetime(2026, 11, 20, tzinfo=UTC)


def test_nothing_is_no_time() -> None:
    assert parse_time("", "since") is None


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "0001-01-01T00:00+14:00", "0.5", "\0"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_time(text, "since")
    assert caught.value.field == "since"
