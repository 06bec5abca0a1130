"""Starts the clock, hears the end, sees that it is the same machine, and that it is gone afterwards."""

import sys
import time
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Self

import libvirt

from tests.bench.listener import Listener
from tests.bench.machines import Identity, Picture
from tests.bench.ways import Sample, Way
from tests.e2e.controller import Controller
from tests.e2e.onhost import POOL
from tests.e2e.waiting import wait_until

SETTLE_SECONDS = 2.0
"""A controller that was held still has caught up by then, and what was deleted is forgotten."""


@dataclass(frozen=True)
class Goal:
    """So many machines, up to this event of each, within this time."""

    machines: int
    event: str
    limit_s: float


@dataclass
class Outcome:
    """How one attempt went: the time until the last machine that got there, how many did not, and why."""

    ms: float
    failed: int
    errors: list[str] = field(default_factory=list)


class Different(Exception):
    """The two ways did not make the same machine."""


class Referee:
    """Looks at the host of a controller through a connection and a listener of its own."""

    def __init__(self, controller: Controller) -> None:
        self._listener = Listener(controller.host.uri)
        self._raw = libvirt.open(controller.host.uri)
        self._numbers = count(1)
        self._volumes: set[str] = set()
        self._samples: dict[str, Sample] = {}

    def __enter__(self) -> Self:
        self._listener.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.__exit__(kind, error, trace)
        self._raw.close()

    @property
    def sample(self) -> Sample:
        """The one machine that was made so far, in however many copies. Raises Different."""
        return self._samples[self.fingerprint]

    @property
    def fingerprint(self) -> str:
        """The hash of all machines made so far. Raises Different."""
        if len(self._samples) != 1:
            pictures = [sample.picture.normal(sample.identity) for sample in self._samples.values()]
            raise Different(f"{len(pictures)} kinds of machines were made: {pictures}")
        return next(iter(self._samples))

    def warm_up(self, way: Way, goal: Goal) -> None:
        """One attempt that does not count; what is on the host after it is there to stay."""
        outcome = self._attempt(way, goal)
        if outcome.failed:
            raise RuntimeError(f"{way.name} cannot make a machine: {outcome.errors}")
        self._volumes = self._left()

    def attempt(self, way: Way, goal: Goal) -> Outcome:
        """One attempt, after which the host is as before. Raises Different, TimeoutError."""
        time.sleep(SETTLE_SECONDS)
        outcome = self._attempt(way, goal)
        print(f"{way.name}: {outcome.ms:.0f} ms, {outcome.failed} failed", *outcome.errors, file=sys.stderr)
        wait_until(lambda: self._left() == self._volumes, f"nothing is left of {way.name}")
        return outcome

    def _attempt(self, way: Way, goal: Goal) -> Outcome:
        number = next(self._numbers)
        names = [f"bench-{number:04d}-{index:02d}" for index in range(goal.machines)]
        with way.machines(names) as attempt:
            domains = [Identity(name, "", "").domain for name in names]
            heard = self._listener.wait(domains, goal.event, goal.limit_s)
            for identity in attempt.identities():
                self._look(identity)
        ms = max(heard.values(), default=attempt.began_ms) - attempt.began_ms
        return Outcome(ms, goal.machines - len(heard), attempt.errors)

    def _look(self, identity: Identity) -> None:
        picture = Picture.take(self._raw, identity.domain)
        self._samples.setdefault(picture.fingerprint(identity), Sample(picture, identity))

    def _left(self) -> set[str]:
        """Machines and volumes on the host."""
        pool = self._raw.storagePoolLookupByName(POOL)
        return {*pool.listVolumes(), *(domain.name() for domain in self._raw.listAllDomains())}
