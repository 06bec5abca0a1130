"""A host that is a directory: a step makes a file in it, its undoing removes it. And how to wait for jobs."""

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from vrabec.jobs.run import Run
from vrabec.models.jobs import Job

T = TypeVar("T")
Twist = Callable[[Run], None] | BaseException | None
"""What happens in a call of a step besides its effect: code to run, an error to raise, or nothing."""

NAMES = ("one", "two", "three")
PATIENCE_S = 30
"""How long a test waits for what must come; it is never what a test measures."""


class Site:
    """The host, the calls it had in their order, and the twists that tests put into them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls: list[str] = []
        self.twists: dict[str, list[Twist]] = defaultdict(list)
        self.always: dict[str, Twist] = {}
        self._lock = Lock()

    @property
    def made(self) -> list[str]:
        """What is on the host now."""
        return sorted(path.name for path in self.directory.iterdir())

    def do(self, name: str, run: Run) -> None:
        """Make a file; then the twist, so that an error leaves something to undo."""
        (self.directory / f"{run.job.pk}-{name}").touch()
        self._twist(f"do {name}", run)

    def undo(self, name: str, run: Run) -> None:
        """Remove the file, unless the twist raises."""
        self._twist(f"undo {name}", run)
        with suppress(FileNotFoundError):
            (self.directory / f"{run.job.pk}-{name}").unlink()

    def _twist(self, call: str, run: Run) -> None:
        with self._lock:
            self.calls.append(call)
            twist = self.twists[call].pop(0) if self.twists[call] else self.always.get(call)
        if isinstance(twist, BaseException):
            raise twist
        if twist:
            twist(run)


def queued(kind: str = "made_up", **fields: Any) -> Job:
    """A job as a service leaves it, without a poke."""
    return Job.objects.create(kind=kind, subject_name="thing", created_by_name="vrabec", **fields)


def end_of(job: Job) -> Job:
    """The job once it is over."""
    return until(lambda: _fresh(job), lambda found: not found.is_active)


def until(look: Callable[[], T], is_it: Callable[[T], bool] = bool) -> T:
    """What `look` gives as soon as it is so."""
    begin = time.monotonic()
    while not is_it(found := look()):
        waited = time.monotonic() - begin
        assert waited < PATIENCE_S, f"still {found!r} after {PATIENCE_S} s"
        # Looks take time from what is waited for: the longer it takes, the rarer they are.
        time.sleep(min(0.1, 0.005 + waited / 10))
    return found


def _fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)
