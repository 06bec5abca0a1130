"""The history of load: a ring file a machine (lib/rings.py), written by the engine, read for the charts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from vrabec.lib import rings
from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.models.vms import Vm
from vrabec.services.facts import Load
from vrabec.services.permissions import require
from vrabec.services.vm_rows import Listed

logger = logging.getLogger(__name__)

METRICS = (
    "cpu_percent",
    "memory_used_mib",
    "disk_read_bytes_s",
    "disk_written_bytes_s",
    "net_received_bytes_s",
    "net_sent_bytes_s",
)
"""The columns of a ring file, in their order there, as VmLoad names them."""
HOUR = 3600
RANGES = {"1h": HOUR, "1d": 24 * HOUR, "1w": 7 * 24 * HOUR, "1m": 30 * 24 * HOUR, "1y": 365 * 24 * HOUR}
"""How far back one may look, in seconds."""
POINTS = 366
"""In how many points at most: 10 s, 4 min, 30 min, 2 h and a day apart."""
LINE_STEP_S, LINE_POINTS = 120, 30
"""The line of a machine in the list: an hour."""
MANY_LINES = 4000
"""Lines that are remembered, of about 1 KB each."""
KEPT = timedelta(days=30)
"""The file of a deleted machine is kept for this long after the last write."""
Column = list[float | None]
Line = tuple[float | None, ...]


@dataclass(frozen=True)
class Watched:
    """The load of a machine over the `seconds` that ended at `load.seen_at`; `uuid` is libvirt's."""

    load: Load
    uuid: UUID
    seconds: float


@dataclass(frozen=True)
class Curve:
    """One metric: the average and the maximum of each point, None where nobody watched."""

    average: Column
    maximum: Column

    @property
    def latest(self) -> float | None:
        """The newest average."""
        return next((value for value in reversed(self.average) if value is not None), None)

    @property
    def lowest(self) -> float | None:
        """The lowest average."""
        return min((value for value in self.average if value is not None), default=None)

    @property
    def highest(self) -> float | None:
        """The highest maximum."""
        return max((value for value in self.maximum if value is not None), default=None)


@dataclass(frozen=True)
class History:
    """A machine's load over a range: point `i` stands for `step` seconds from `start + i * step`."""

    range: str
    start: datetime
    step: int
    curves: dict[str, Curve]


def directory() -> Path:
    """Where the ring files lie, one a machine: what a backup has to take beside the database."""
    return Path(settings.VRABEC_HISTORY_DIR)


def write_history(watched: Iterable[Watched]) -> None:
    """Write what was watched into the machines' files. A full disk leaves gaps and a line in the log."""
    folder = directory()
    failures = [error for one in watched if (error := _failure(folder, one))]
    if failures:
        logger.warning("the history of load could not be written (%d files): %s", len(failures), failures[0])


def _failure(folder: Path, one: Watched) -> OSError | None:
    """What hindered writing one machine's file; those that have their place on a full disk can be written."""
    until = one.load.seen_at.timestamp()
    values = [float(getattr(one.load, metric)) for metric in METRICS]
    try:
        rings.write(_path(folder, one.load.vm_id), one.uuid, (until - one.seconds, until), values)
    except OSError as error:
        return error
    return None


def vm_history(actor: Actor, *, vm: Vm, range_: str) -> History:
    """The load of `vm` over one of RANGES; without a whole file all gaps. Raises Forbidden, OSError."""
    require(actor, "vm.view", vm)
    span, until = RANGES[range_], now().timestamp()
    found = rings.read(_path(directory(), vm.pk), vm.uuid, span=span, until=until, points=POINTS)
    columns = zip(METRICS, found.averages, found.maxima, strict=True)
    curves = {metric: Curve(_column(average), _column(maximum)) for metric, average, maximum in columns}
    return History(range_, datetime.fromtimestamp(found.start, UTC), found.step, curves)


def cpu_lines(actor: Actor, vms: Iterable[Listed], *, until: float) -> dict[int, Line]:
    """The CPU of the hour before `until` (Unix) of each of `vms`, which a list gave to `actor`: no query.

    LINE_POINTS averages, None where nobody watched. Raises Forbidden.
    """
    require(actor, "vm.list")
    folder, end = directory(), until // LINE_STEP_S
    return {vm.pk: _line(_path(folder, vm.pk), vm.uuid, vm.load_at, end) for vm in vms}


@lru_cache(maxsize=MANY_LINES)
def _line(path: str, uuid: UUID | str, at: datetime | None, end: float) -> Line:
    """One machine's line up to the last step begun, read anew with each sample: `at` is the newest's time.

    A file that cannot be read must not cost the whole list.
    """
    owner, until = uuid if isinstance(uuid, UUID) else UUID(uuid), end * LINE_STEP_S
    try:
        found = rings.averages(path, owner, step=LINE_STEP_S, until=until, points=LINE_POINTS)
    except OSError as error:
        logger.warning("%s could not be read: %s", path, error)
        return (None,) * LINE_POINTS
    return tuple(_column(found[METRICS.index("cpu_percent")]))


def forget_deleted() -> int:
    """Remove the files of machines that are gone, once nothing was written for KEPT. Returns how many.

    By the file's own time: a database that was restored, or is the wrong one, must not cost a year at once.
    """
    old_s = (now() - KEPT).timestamp()
    files = [path for path in directory().glob("*.ring") if path.stem.isdecimal()]
    present = set(Vm.objects.present().values_list("pk", flat=True))
    gone = [path for path in files if int(path.stem) not in present and path.stat().st_mtime < old_s]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _path(folder: Path, vm_id: int) -> str:
    return f"{folder}/{vm_id}.ring"  # as Path puts it together, in a tenth of the time


def _column(values: tuple[float, ...]) -> Column:
    return [None if math.isnan(value) else round(value, 1) for value in values]
