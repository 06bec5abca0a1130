"""Ring files: what was written is read back, averages are true to time, and gaps stay gaps."""

import logging
import math
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vrabec.lib import rings

OWNER = UUID(int=7)
NOON = 86_400.0 * 20_834
"""A whole number of all steps, in January 2027."""
HOUR, DAY = 3600, 86_400
SPANS = (HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)

values = st.lists(st.floats(0, 1e9, width=32), min_size=6, max_size=6)
samples = st.lists(st.tuples(st.floats(0, 400), st.floats(0.5, 60), values), max_size=40)


def write(path: Path, until: float, *figures: float, seconds: float = 10.0) -> None:
    """A sample of the `seconds` before `until`; the figures that are not given are 0."""
    rings.write(path, OWNER, (until - seconds, until), [*figures, *[0.0] * (6 - len(figures))])


def read(path: Path, until: float, span: int = HOUR, points: int = 366) -> rings.Series:
    return rings.read(path, OWNER, span=span, until=until, points=points)


def by_time(series: rings.Series, column: int = 0) -> dict[int, tuple[float, float]]:
    """Average and maximum of a column by the beginning of their points, without gaps."""
    pairs = zip(series.averages[column], series.maxima[column], strict=True)
    times = range(series.start, series.start + series.step * len(series.averages[column]), series.step)
    return {time: pair for time, pair in zip(times, pairs, strict=True) if not math.isnan(pair[0])}


def test_the_size_is_the_one_that_the_docstring_computes(tmp_path: Path) -> None:
    write(tmp_path / "1.ring", NOON, 1)
    assert (tmp_path / "1.ring").stat().st_size == rings.SIZE == 714_560
    assert f"{rings.SIZE:,}" in str(rings.__doc__)


@pytest.mark.parametrize(
    ("span", "step", "points"),
    list(zip(SPANS, (10, 240, 1800, 7200, DAY), (360, 360, 336, 360, 365), strict=True)),
)
def test_every_range_is_read_in_few_points(tmp_path: Path, span: int, step: int, points: int) -> None:
    write(tmp_path / "1.ring", NOON, 1)
    series = read(tmp_path / "1.ring", NOON, span)
    assert (series.step, len(series.averages[0]), len(series.maxima[5])) == (step, points, points)
    assert series.start % step == 0


@pytest.mark.parametrize(
    "until", [NOON - 1, 60 * 1560 * 20_000 + 599.0], ids=["within", "over the ring's end"]
)
def test_averages_are_those_of_the_same_points_read_whole(tmp_path: Path, until: float) -> None:
    for ago in range(720, 0, -1):
        if not 100 < ago < 150:
            write(tmp_path / "1.ring", until - 10 * (ago - 1), ago, ago % 7)
    found = rings.averages(tmp_path / "1.ring", OWNER, step=120, until=until, points=30)
    whole = read(tmp_path / "1.ring", until, points=30)
    assert whole.step == 120
    assert any(math.isnan(value) for value in found[0])
    for column in (0, 1):
        assert found[column] == pytest.approx(whole.averages[column], rel=1e-5, nan_ok=True)


@given(samples=samples)
@settings(max_examples=60, deadline=None)
def test_averages_are_true_to_time_and_gaps_stay_gaps_on_every_level(
    samples: list[tuple[float, float, list[float]]],
) -> None:
    """Against a plain list of (slot, seconds, values); pauses between samples are the gaps."""
    with TemporaryDirectory() as folder:
        path, at = Path(folder) / "1.ring", NOON - 6 * HOUR
        pieces = []
        for pause, seconds, figures in samples:
            rings.write(path, OWNER, (at + pause, at + pause + seconds), figures)
            pieces.append((at + pause, at + pause + seconds, figures))
            at = at + pause + seconds
        for span in SPANS:
            found = read(path, at, span)
            for column in range(6):
                expect(by_time(found, column), pieces, column, found)


def expect(
    found: dict[int, tuple[float, float]],
    pieces: list[tuple[float, float, list[float]]],
    column: int,
    series: rings.Series,
) -> None:
    """The points of `found` are those in which a piece lies, with its mean over time and its maximum."""
    sums: dict[int, list[tuple[float, float]]] = {}
    for since, until, figures in pieces:
        for start in range(int(since // series.step) * series.step, math.ceil(until), series.step):
            seconds = min(until, start + series.step) - max(since, start)
            if seconds > 0 and start >= series.start:
                sums.setdefault(start, []).append((seconds, figures[column]))
    assert found.keys() == sums.keys()
    for start, parts in sums.items():
        mean = sum(seconds * figure for seconds, figure in parts) / sum(seconds for seconds, _ in parts)
        assert found[start][0] == pytest.approx(mean, rel=1e-4, abs=1e-4)
        assert found[start][1] == max(figure for _, figure in parts)


def test_what_was_written_stays_for_as_long_as_its_level(tmp_path: Path) -> None:
    path = tmp_path / "1.ring"
    write(path, NOON, 42)
    for level in rings.LEVELS:
        kept = NOON + (level.slots - 2) * level.step
        assert by_time(read(path, kept, level.slots * level.step, 10_000)) == {
            int(NOON) - level.step: (42, 42)
        }


def test_a_second_lap_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    path, lap = tmp_path / "1.ring", rings.LEVELS[0].step * rings.LEVELS[0].slots
    for tick in range(lap // 10):
        write(path, NOON + 10 * tick, 1)
    write(path, NOON + lap + HOUR, 9)
    assert by_time(read(path, NOON + lap + HOUR)) == {int(NOON) + lap + HOUR - 10: (9, 9)}


def test_a_clock_set_back_overwrites_and_does_not_average_with_what_never_was(tmp_path: Path) -> None:
    path = tmp_path / "1.ring"
    for tick in range(6):
        write(path, NOON + DAY + 10 * tick, 1000)
    for tick in range(6):
        write(path, NOON + 10 * tick, 2)
    assert set(by_time(read(path, NOON + 50)).values()) == {(2, 2)}
    for tick in range(6):
        write(path, NOON + DAY + 10 * tick, 3)
    assert set(by_time(read(path, NOON + DAY + 50)).values()) == {(3, 3)}
    assert by_time(read(path, NOON + DAY + 50, 365 * DAY))[int(NOON)][1] == 3


@pytest.mark.parametrize("seconds", [0.0, -5.0, 60.5, 3600.0])
def test_time_that_nobody_watched_is_a_gap(tmp_path: Path, seconds: float) -> None:
    write(tmp_path / "1.ring", NOON, 1)
    write(tmp_path / "1.ring", NOON + 7200, 1, seconds=seconds)
    assert by_time(read(tmp_path / "1.ring", NOON + 7200)) == {}


def test_a_file_that_is_not_there_is_all_gaps_and_is_not_made_by_reading(tmp_path: Path) -> None:
    assert by_time(read(tmp_path / "1.ring", NOON)) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["empty", "torn", "longer", "other"])
def test_a_damaged_file_is_all_gaps_and_made_anew_with_a_line_in_the_log(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "1.ring"
    write(path, NOON, 1)
    whole = path.read_bytes()
    other = {"empty": b"", "torn": whole[:1000], "longer": whole + b"x", "other": b"?" + whole[1:]}
    path.write_bytes(other[damage])
    assert by_time(read(path, NOON)) == {}
    with caplog.at_level(logging.WARNING):
        write(path, NOON + 10, 5)
    assert "made anew" in caplog.text
    assert by_time(read(path, NOON + 10)) == {int(NOON): (5, 5)}


def test_the_file_of_a_machine_that_had_the_same_id_is_not_inherited(tmp_path: Path) -> None:
    path, successor = tmp_path / "1.ring", UUID(int=8)
    write(path, NOON, 1)
    assert by_time(rings.read(path, successor, span=HOUR, until=NOON, points=366)) == {}
    rings.write(path, successor, (NOON, NOON + 10), [5.0] * 6)
    found = rings.read(path, successor, span=HOUR, until=NOON + 10, points=366)
    assert by_time(found) == {int(NOON): (5, 5)}
    assert by_time(read(path, NOON + 10)) == {}


WRITER = """
import sys
from pathlib import Path
from uuid import UUID
from vrabec.lib import rings
for tick in range(6_000):
    until = float(sys.argv[2]) + tick
    rings.write(Path(sys.argv[1]), UUID(int=7), (until - 1, until), [tick] * 6)
"""


def test_one_process_reads_what_another_writes(tmp_path: Path) -> None:
    path = tmp_path / "1.ring"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(NOON)]) as writer:
        reads = 0
        while writer.poll() is None:
            found = read(path, NOON + 6_000, 30 * DAY, 10_000)
            for column in range(6):
                for start, (average, maximum) in by_time(found, column).items():
                    ticks = start - NOON
                    assert ticks <= average <= maximum <= ticks + 600
            reads += 1
    assert writer.returncode == 0
    assert reads > 1
    last = by_time(read(path, NOON + 6_000, 30 * DAY, 10_000))
    assert [maximum for _, maximum in last.values()][-2:] == [5_400, 5_999]
