"""Ring files: a year of one machine's load in a file of fixed size, written by one process, read by others.

All little-endian, in rows of 64 bytes, so that no row lies on two pages:

    header  magic "vrabrng1", owner (UUID, 16 bytes), newest f64 (Unix time of the newest sample), turn u16
    row     number u32, turn u16, 2 unused, seconds f32, 6 averages f32, 6 maxima f32, 4 unused

After the header stand the open rows, one a level: the newest slot, still being measured. Then four rings,
one a level, of rows that are complete. Row `number % slots` of a ring holds the time from `number * step` to
`(number + 1) * step`: a row that says another number is of an earlier lap, and so a gap. A gap is thus never
written, and is read as NaN. `seconds` of the row's time were watched; the average is over them. Every sample
goes into the open rows of all levels at once: nothing is kept in memory, nothing is consolidated later.

    level   10 s  x  720 = 2 h       1 min x 1560 = 26 h
            10 min x 4464 = 31 d     2 h x 4416 = 368 d
    size    64 * (5 + 720 + 1560 + 4464 + 4416) = 714,560 bytes a machine: 0.71 GB for a thousand

A clock set back begins a new turn: rows written before it are overwritten when their time comes again, not
averaged with. Read and written by pread and pwrite, not mapped: on a full disk a write to a map kills its
process.
"""

from __future__ import annotations

import logging
import math
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from pathlib import Path
from typing import Any
from uuid import UUID

logger = logging.getLogger(__name__)

COLUMNS = 6
MAGIC = b"vrabrng1"
ROW_BYTES = 64
LONGEST_SECONDS = 60.0
"""A sample that stands for more than this was not watched: it is left out."""
_HEADER = struct.Struct("<8s16sdH30x")
_ROW = struct.Struct(f"<IHxxf{2 * COLUMNS}f4x")
_NUMBER_BYTES = 4
_AVERAGES, _MAXIMA = slice(3, 3 + COLUMNS), slice(3 + COLUMNS, 3 + 2 * COLUMNS)
_TURNS = 1 << 16
_GAP = (math.nan,) * COLUMNS
Row = tuple[Any, ...]
"""A row unpacked: its number, its turn, its seconds, the averages, the maxima."""
Values = tuple[float, ...]


@dataclass(frozen=True)
class Level:
    """One ring: `slots` rows of `step` seconds each, the first of them `first` rows into the file."""

    step: int
    slots: int
    first: int

    def offset(self, number: int) -> int:
        """Where in the file the row of this number lies."""
        return ROW_BYTES * (self.first + number % self.slots)


def _levels(*sizes: tuple[int, int]) -> tuple[Level, ...]:
    firsts = [1 + len(sizes) + sum(slots for _, slots in sizes[:place]) for place in range(len(sizes))]
    return tuple(Level(step, slots, first) for (step, slots), first in zip(sizes, firsts, strict=True))


LEVELS = _levels((10, 720), (60, 1560), (600, 4464), (7200, 4416))
_HEAD_BYTES = ROW_BYTES * (1 + len(LEVELS))
SIZE = _HEAD_BYTES + ROW_BYTES * sum(level.slots for level in LEVELS)


@dataclass(frozen=True)
class Series:
    """What a file says of a time: by column and then by point, NaN where nothing was watched.

    Point `i` stands for the `step` seconds from `start + i * step` (Unix time).
    """

    start: int
    step: int
    averages: tuple[Values, ...]
    maxima: tuple[Values, ...]


@dataclass
class _Head:
    """The header and the open rows."""

    owner: UUID
    newest: float
    turn: int
    open_rows: list[Row]

    def pack(self) -> bytes:
        header = _HEADER.pack(MAGIC, self.owner.bytes, self.newest, self.turn)
        return header + b"".join(_ROW.pack(*row) for row in self.open_rows)


def write(path: str | Path, owner: UUID, times: tuple[float, float], values: Sequence[float]) -> None:
    """Write `values`, measured from the first to the second of `times` (Unix), into the file of `owner`.

    What is no ring file of this owner is replaced by an empty one. Raises OSError.
    """
    since, until = times
    if not 0 < until - since <= LONGEST_SECONDS:
        return
    file, head = _open(path, owner)
    try:
        if until <= head.newest:
            head.turn = (head.turn + 1) % _TURNS
        elif since < head.newest:
            since = head.newest
        for place, level in enumerate(LEVELS):
            for number, seconds in _slots(level, since, until):
                _add(file, head, place, (number, head.turn, seconds, *values, *values))
        head.newest = until
        os.pwrite(file, head.pack(), 0)
    finally:
        os.close(file)


def read(path: str | Path, owner: UUID, *, span: int, until: float, points: int) -> Series:
    """The last `span` seconds before `until` in at most `points` points, from the finest level that has them.

    A file that is missing, torn or another machine's is all gaps. Raises OSError.
    """
    place, level = next((p, level) for p, level in enumerate(LEVELS) if level.step * level.slots >= span)
    every = math.ceil(span / level.step / points)
    step = every * level.step
    end = int(until // step) + 1
    wanted = range((end - span // step) * every, end * every)
    rows = _rows(path, owner, place, wanted)
    found = [_joined(rows[n : n + every]) for n in range(0, len(wanted), every)]
    averages, maxima = zip(*found, strict=True)
    return Series(wanted.start * level.step, step, _columns(averages), _columns(maxima))


def averages(path: str | Path, owner: UUID, *, step: int, until: float, points: int) -> tuple[Values, ...]:
    """By column the last `points` averages, `step` seconds each, up to `until`; gaps as in `read`.

    From the coarsest level whose step divides this one, and only the rows asked for: many files are read so.
    Raises OSError.
    """
    place = max(place for place, level in enumerate(LEVELS) if step % level.step == 0)
    every, end = step // LEVELS[place].step, int(until // step) + 1
    rows = _rows(path, owner, place, range((end - points) * every, end * every))
    return _columns(_joined(rows[n : n + every])[0] for n in range(0, len(rows), every))


def _columns(points: Iterable[Values]) -> tuple[Values, ...]:
    return tuple(zip(*points, strict=True))


def _joined(rows: list[Row | None]) -> tuple[Values, Values]:
    """The averages and the maxima of several rows."""
    there = [row for row in rows if row]
    if not there:
        return _GAP, _GAP
    if len(there) == 1:
        return there[0][_AVERAGES], there[0][_MAXIMA]
    _, _, seconds, *columns = zip(*there, strict=True)
    total = sum(seconds)
    averages = (sum(map(mul, column, seconds)) / total for column in columns[:COLUMNS])
    return tuple(averages), tuple(map(max, columns[COLUMNS:]))


def _rows(path: str | Path, owner: UUID, place: int, wanted: range) -> list[Row | None]:
    """The rows of a level that have these numbers, in their order; None for a gap."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return [None] * len(wanted)
    try:
        # First the open rows: one that is completed meanwhile is then in its ring.
        head = _head(file, owner)
        if head is None:
            return [None] * len(wanted)
        rows = _ring(file, LEVELS[place], wanted)
    finally:
        os.close(file)
    number = head.open_rows[place][0]
    if number in wanted:
        rows[number - wanted.start] = head.open_rows[place]
    return rows


def _ring(file: int, level: Level, wanted: range) -> list[Row | None]:
    to_the_end = min(len(wanted), level.slots - wanted.start % level.slots)
    content = os.pread(file, to_the_end * ROW_BYTES, level.offset(wanted.start))
    content += os.pread(file, (len(wanted) - to_the_end) * ROW_BYTES, level.first * ROW_BYTES)
    rows = zip(wanted, _ROW.iter_unpack(content), strict=True)
    return [row if row[0] == number else None for number, row in rows]


def _slots(level: Level, since: float, until: float) -> list[tuple[int, float]]:
    """Each slot that the time lies in, and for how many seconds."""
    numbers = range(int(since // level.step), -int(-until // level.step))
    if len(numbers) == 1:
        return [(numbers[0], until - since)]
    edges = [since, *(number * level.step for number in numbers[1:]), until]
    return [(number, end - begin) for number, (begin, end) in zip(numbers, pairwise(edges), strict=True)]


def _add(file: int, head: _Head, place: int, row: Row) -> None:
    """Add to a level's open row; one of another slot is complete and goes into the ring."""
    before = head.open_rows[place]
    if before[:2] == row[:2]:
        head.open_rows[place] = _and_then(before, row)
        return
    if before[0]:
        _complete(file, LEVELS[place].offset(before[0]), _ROW.pack(*before))
    head.open_rows[place] = row


def _and_then(row: Row, more: Row) -> Row:
    """One row for two measurements of the same slot."""
    number, turn, seconds, *_ = row
    part = more[2] / (seconds + more[2])
    pairs = zip(row[_AVERAGES], more[_AVERAGES], strict=True)
    averages = [old + (new - old) * part for old, new in pairs]
    return (number, turn, seconds + more[2], *averages, *map(max, row[_MAXIMA], more[_MAXIMA]))


def _complete(file: int, offset: int, row: bytes) -> None:
    """Write a row into its ring, the number last: until then readers take it for one of an earlier lap."""
    os.pwrite(file, row[_NUMBER_BYTES:], offset + _NUMBER_BYTES)
    os.pwrite(file, row[:_NUMBER_BYTES], offset)


def _open(path: str | Path, owner: UUID) -> tuple[int, _Head]:
    """The file with its head, made anew where it is not one of `owner`."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return _made(path, owner), _empty(owner)
    head = _head(file, owner)
    if head:
        return file, head
    os.close(file)
    logger.warning("%s is no whole ring file of machine %s: it is made anew", path, owner)
    return _made(path, owner), _empty(owner)


def _made(path: str | Path, owner: UUID) -> int:
    """An empty file of `owner`, put in place whole; whoever reads the one before may finish."""
    path = Path(path)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_suffix(".new")
    file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.truncate(file, SIZE)
        os.pwrite(file, _empty(owner).pack(), 0)
        fresh.replace(path)
    except OSError:
        os.close(file)
        raise
    return file


def _empty(owner: UUID) -> _Head:
    return _Head(owner, 0.0, 0, [(0,) * (3 + 2 * COLUMNS)] * len(LEVELS))


def _head(file: int, owner: UUID) -> _Head | None:
    """The header and open rows, or None where size, magic or owner are wrong."""
    content = os.pread(file, _HEAD_BYTES, 0)
    if os.fstat(file).st_size != SIZE:
        return None
    magic, owned, newest, turn = _HEADER.unpack_from(content)
    if magic != MAGIC or owned != owner.bytes:
        return None
    return _Head(owner, newest, turn, list(_ROW.iter_unpack(content[ROW_BYTES:])))
