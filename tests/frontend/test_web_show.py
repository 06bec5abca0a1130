"""Amounts, times and names as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from vrabec.frontends.web import show
from vrabec.lib.clock import now

T = "\u202f"


@pytest.mark.parametrize(
    ("used", "total", "words"),
    [
        (5222, 8192, "5.1 of 8 GiB"),
        (200, 2048, "0.2 of 2 GiB"),
        (12, 1024, "12 MiB of 1 GiB"),
        (180, 192, "180 of 192 MiB"),
        (0, 1024, "0 of 1 GiB"),
        (None, 4096, "4 GiB"),
        (15700, 16384, "15 of 16 GiB"),
        (3 * 1024**2, 10 * 1024**2, "3 of 10 TiB"),
    ],
)
def test_an_amount_of_a_whole_has_the_unit_of_the_whole(used: float | None, total: float, words: str) -> None:
    assert show.used_of(used, total) == words


def test_percent_and_nothing() -> None:
    assert show.percent(63.6) == f"64{T}%"
    assert show.percent(None) == "–"
    assert show.share(1, 0) == 0
    assert show.share(30, 10) == 100


def test_a_time_is_utc_for_machines_and_for_who_has_no_script() -> None:
    moment = datetime(2026, 3, 1, 9, 5, 7, tzinfo=UTC)
    assert str(show.time(moment, "long")) == (
        '<time datetime="2026-03-01T09:05:07Z" data-time="long">1 Mar 2026, 09:05 UTC</time>'
    )
    assert show.time(None) == "–"


@pytest.mark.parametrize(("ago", "words"), [(10, "0 min"), (240, "4 min"), (7200, "2 h"), (300_000, "3 d")])
def test_ages_are_rough(ago: int, words: str) -> None:
    assert show.age(now() - timedelta(seconds=ago)) == words


def test_a_long_name_keeps_its_last_eight_signs() -> None:
    assert show.cut("short-name") == "short-name"
    assert "<span>-node-03</span>" in show.cut("bachelor-thesis-raft-consensus-node-03")
    assert "<b>" not in show.cut("<b>" + "x" * 30)


def test_initials() -> None:
    assert show.initials("Jana Nováková") == "JN"
    assert show.initials("jana") == "J"
    assert show.initials("") == "?"
