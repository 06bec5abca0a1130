"""`scripts/bench list`: how long the list of machines keeps a reader waiting, while the fleet lives.

Readers are signed in by the form and do as browsers do: one TLS connection each, compressed answers.
"""

import http.client
import itertools
import json
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.bench.figures import median, now_ms, quantile
from tests.bench.fleet import FleetController, side_by_side
from tests.bench.granted import GRANTED
from tests.bench.processes import uses_of
from tests.e2e.controller import ADMINISTRATOR, PASSWORD, REPOSITORY

PAGES = {
    "first": "/",
    "filtered": "/?state=running&host=kvm01&sort=name",
    "search": "/?q=web-003",
}
OF_A_PROJECT = "/?state=running&project=project-0001&sort=name"
"""The filtered page of who may not see hosts."""
THINK_S = 0.2
READERS = 8
FLOORS = 5
WARM_UP = 5


@dataclass
class Reader:
    """Somebody who is signed in; `times_ms` by page."""

    controller: FleetController
    username: str = ADMINISTRATOR
    pages: dict[str, str] = field(default_factory=lambda: PAGES)
    times_ms: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PAGES})
    bytes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        visitor = self.controller.visitor()
        visitor.sign_in(self.username, PASSWORD)
        self._headers = {"Accept-Encoding": "gzip", "Cookie": visitor.cookies}
        trust = ssl.create_default_context(cafile=self.controller.certificate)
        self._connection = http.client.HTTPSConnection(urlsplit(self.controller.url).netloc, context=trust)

    def read(self, page: str) -> None:
        """Open a page, up to its last byte."""
        began = now_ms()
        self._connection.request("GET", self.pages[page], headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.times_ms[page].append(now_ms() - began)
        assert answer.status == 200, (page, answer.status)
        self.bytes[page] = len(body)

    def read_for(self, seconds: float, think_s: float) -> None:
        """One page after the other for so long, with a moment to think after each."""
        end = time.monotonic() + seconds
        for page in itertools.cycle(PAGES):
            if time.monotonic() > end:
                return
            self.read(page)
            time.sleep(think_s)

    @property
    def all_ms(self) -> list[float]:
        """The times of all pages."""
        return [ms for times in self.times_ms.values() for ms in times]


@dataclass(frozen=True)
class Size:
    """How long each part reads, how lively the fleet is meanwhile, and how many grants the readers have.

    With none they are administrators.
    """

    seconds: float
    events_s: float
    grants: int = 0


def measure(controller: FleetController, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench list`."""
    fleet = controller.fleet
    floors = [fleet.sweep_ms() for _ in range(FLOORS)]
    who = _granted(controller, size.grants) if size.grants else ADMINISTRATOR
    asked = PAGES | ({"filtered": OF_A_PROJECT} if size.grants else {})
    with fleet.stirred(size.events_s):
        one = Reader(controller, who, asked)
        for page in [*PAGES] * WARM_UP:
            one.read(page)
        one.times_ms = {name: [] for name in PAGES}
        one.read_for(size.seconds, THINK_S)
        eight = [Reader(controller, who, asked) for _ in range(READERS)]
        side_by_side(
            [threading.Thread(target=reader.read_for, args=(size.seconds, THINK_S)) for reader in eight]
        )
        uses = uses_of(controller.pid).values()
    everybody = [ms for reader in eight for ms in reader.all_ms]
    queries = dict(zip(PAGES, _queries(controller, who, asked), strict=True))
    return {
        "hosts": len(fleet.hosts),
        "vms": fleet.vms,
        "machines": fleet.machines,
        "p50_ms": median(one.all_ms),
        "p95_ms": quantile(one.all_ms, 95),
        "p50_8_ms": median(everybody),
        "p95_8_ms": quantile(everybody, 95),
        "queries": max(queries.values()),
        "queries_administrator": max(_queries(controller, ADMINISTRATOR, PAGES)),
        "grants": size.grants,
        "bytes": max(one.bytes.values()),
        "pages": {
            name: {
                "p50_ms": median(times),
                "p95_ms": quantile(times, 95),
                "queries": queries[name],
                "bytes": one.bytes[name],
            }
            for name, times in one.times_ms.items()
        },
        "floor_ms": median(floors),
        "events_s": size.events_s,
        "requests": [len(one.all_ms), len(everybody)],
        "discovered_s": controller.discovered_s,
        "pss_mib": round(sum(use.pss_mib for use in uses), 1),
        "processes": [{use.name: round(use.pss_mib, 1)} for use in uses],
    }


def _granted(controller: FleetController, number: int) -> str:
    """The name of somebody with so many grants."""
    command = [sys.executable, "-m", "tests.bench.granted", str(number)]
    subprocess.run(command, check=True, cwd=REPOSITORY, env=controller.environment)
    return GRANTED


def _queries(controller: FleetController, username: str, pages: dict[str, str]) -> list[int]:
    command = [sys.executable, "-m", "tests.bench.queries", username, *pages.values()]
    said = subprocess.run(
        command, check=True, cwd=REPOSITORY, env=controller.environment, stdout=subprocess.PIPE, text=True
    )
    found: list[int] = json.loads(said.stdout)
    return found
