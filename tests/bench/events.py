"""`scripts/bench events`: how soon a change on a host is in the database, and with who looks at a page.

Machines that are off start, one after the other, while the rest of the fleet is stirred. Three look, each for
itself: a bare connection to the host, somebody at the database's file, a browser's event stream.
"""

import http.client
import itertools
import json
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import libvirt

from tests.bench.figures import median, now_ms, quantile, quartiles
from tests.bench.fleet import FleetController
from tests.bench.listener import STARTED, Listener
from tests.e2e.controller import ADMINISTRATOR, PASSWORD

LIMIT_S = 10.0
LOOK_SECONDS = 0.001
HOSTS = 5
"""So many hosts have somebody listening on a bare connection."""


@dataclass(frozen=True)
class Size:
    """How many machines start, how long to rest in between, how lively the rest is meanwhile."""

    starts: int
    pause_s: float
    events_s: float


@dataclass(frozen=True)
class Seen:
    """After how many milliseconds a start was seen: by a bare connection, in the database, in the stream."""

    bare_ms: float
    database_ms: float
    page_ms: float


def measure(controller: FleetController, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench events`. A start that somebody does not see within 10 s is an error."""
    fleet = controller.fleet
    with _stream(controller) as shown, fleet.stirred(size.events_s):
        seen = list(itertools.islice(_starts(controller, shown, size), size.starts))
    columns = {
        "database": [one.database_ms for one in seen],
        "page": [one.page_ms for one in seen],
        "floor": [one.bare_ms for one in seen],
    }
    return {
        "bench": "events",
        "hosts": len(fleet.hosts),
        "vms": fleet.vms,
        "starts": len(seen),
        "events_s": size.events_s,
        **{f"{name}_ms": median(values) for name, values in columns.items()},
        **{f"{name}_p95_ms": quantile(values, 95) for name, values in columns.items()},
        "spread": {f"{name}_ms": quartiles(values) for name, values in columns.items()},
    }


def _starts(controller: FleetController, shown: "_Shown", size: Size) -> Iterator[Seen]:
    """Start machines of a few hosts in turn; for ever, as far as there are some that are off."""
    database = sqlite3.connect(f"file:{controller.data / 'vrabec.sqlite3'}?mode=ro", uri=True)
    ids = {str(uuid): vm_id for uuid, vm_id in database.execute("SELECT uuid, id FROM vrabec_vm")}
    raws = [libvirt.open(host.uri) for host in controller.fleet.hosts[:HOSTS]]
    off = [raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_SHUTOFF) for raw in raws]
    with _listeners(controller) as ears:
        for turn in itertools.count():
            domain, ear = off[turn % HOSTS][turn // HOSTS], ears[turn % HOSTS]
            vm_id = ids[domain.UUIDString().replace("-", "")]
            began = now_ms()
            domain.create()
            database_ms = _once(partial(_runs, database, vm_id)) - began
            page_ms = shown.wait(vm_id) - began
            bare_ms = ear.wait([domain.name()], STARTED, LIMIT_S)[domain.name()] - began
            yield Seen(bare_ms, database_ms, page_ms)
            time.sleep(size.pause_s)


@contextmanager
def _listeners(controller: FleetController) -> Iterator[list[Listener]]:
    ears = [Listener(host.uri) for host in controller.fleet.hosts[:HOSTS]]
    try:
        yield [ear.__enter__() for ear in ears]
    finally:
        for ear in ears:
            ear.__exit__(None, None, None)


def _runs(database: sqlite3.Connection, vm_id: int) -> bool:
    [seen] = database.execute("SELECT seen FROM vrabec_vm WHERE id = ?", [vm_id]).fetchone()
    return bool(seen == _RUNNING)


_RUNNING = 50
"""As models/vms.py numbers it."""


def _once(look: Callable[[], bool]) -> float:
    end = now_ms() + LIMIT_S * 1000
    while not look():
        if now_ms() > end:
            raise TimeoutError("the database does not say so")
        time.sleep(LOOK_SECONDS)
    return now_ms()


class _Shown:
    """When a page was told that machines run."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._news = threading.Condition()

    def wait(self, vm_id: int) -> float:
        with self._news:
            if not self._news.wait_for(lambda: vm_id in self._at, LIMIT_S):
                raise TimeoutError("the event stream does not say so")
            return self._at[vm_id]

    def take(self, cells: list[dict[str, Any]]) -> None:
        at = now_ms()
        with self._news:
            self._at |= {cell["id"]: at for cell in cells if cell["state"] == "running"}
            self._news.notify_all()


@contextmanager
def _stream(controller: FleetController) -> Iterator[_Shown]:
    """The event stream of somebody who is signed in, read by a thread."""
    visitor = controller.visitor()
    visitor.sign_in(ADMINISTRATOR, PASSWORD)
    trust = ssl.create_default_context(cafile=controller.certificate)
    line = http.client.HTTPSConnection(urlsplit(controller.url).netloc, context=trust)
    line.request("GET", "/live/events", headers={"Cookie": visitor.cookies})
    answer, shown = line.getresponse(), _Shown()
    assert answer.status == 200, answer.status

    def read() -> None:
        kind = ""
        with suppress(OSError, ValueError, AttributeError):  # closed by who waits for nothing more
            while text := answer.readline():
                if text.startswith(b"event: "):
                    kind = text[7:].decode().strip()
                elif text.startswith(b"data: ") and kind == "cells":
                    shown.take(json.loads(text[6:])["vm"])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield shown
