"""From a change on a host to the pixel: how long it takes until a page shows what an outsider did by libvirt.

A machine of libvirt's test driver is suspended and resumed by a connection that Vrabec knows nothing of. One
machine has one clock: the begin is taken just before the call, the end by the page itself, when its cell
changed. Between two changes lies a random pause, so that they meet the engine and the hub at any point.
"""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import libvirt
from playwright.sync_api import Page

from tests.e2e.chromium import Person
from tests.e2e.controller import Controller
from tests.e2e.waiting import PATIENCE_SECONDS, wait_until
from tests.lab import TestFleetHost

WARM_UP = 10
PAUSE_SECONDS = (0.15, 0.4)
_HOST = "fleet"
_WATCH = """() => {
    const cell = document.querySelector("tr[data-row] [data-cell=state]");
    const note = () => window.drawn.push([performance.timeOrigin + performance.now(), cell.dataset.state]);
    window.drawn = [];
    new MutationObserver(note).observe(cell, { attributeFilter: ["data-state"] });
}"""


@dataclass(frozen=True)
class Figures:
    """Milliseconds from just before the libvirt call to the change of the cell."""

    changes: int
    p50_ms: float
    p95_ms: float
    max_ms: float

    @staticmethod
    def of(took_ms: Sequence[float]) -> "Figures":
        """The figures of so many changes."""
        cuts = statistics.quantiles(took_ms, n=20, method="inclusive")
        return Figures(len(took_ms), round(cuts[9], 1), round(cuts[18], 1), round(max(took_ms), 1))


def measure(controller: Controller, person: Person, changes: int) -> Figures:
    """Change a machine so many times while `person`, who sees all hosts, has it in a list."""
    with _fleet(controller) as domain:
        page = person.context.new_page()
        with page.expect_response("**/cells?*"):  # the stream is open: the page asks what it may have missed
            page.goto(f"/?host={_HOST}")
        page.evaluate(_WATCH)
        took_ms = [_change(page, domain, number) for number in range(WARM_UP + changes)]
        page.close()
    return Figures.of(took_ms[WARM_UP:])


@contextmanager
def _fleet(controller: Controller) -> Iterator[Any]:
    """The one machine of another host of the controller's, as an outsider sees it."""
    with TestFleetHost() as fleet, controller.client() as client:
        job = client.add_host(_HOST, fleet.uri)
        client.wait_for_job(job["id"], timeout=PATIENCE_SECONDS)
        wait_until(lambda: client.list_vms(search="test")["total"], "its machine is shown")
        outsider = libvirt.open(fleet.uri)
        try:
            yield outsider.lookupByName("test")
        finally:
            outsider.close()
            client.remove_host(job["host"] or 0)


def _change(page: Page, domain: Any, number: int) -> float:
    """Suspend or resume it; gives the milliseconds until the page shows that."""
    time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311
    call, state = (domain.resume, "running") if number % 2 else (domain.suspend, "paused")
    begin_ms = time.time() * 1000
    call()
    page.wait_for_function("number => window.drawn.length > number", arg=number)
    drawn_ms, drawn = page.evaluate("number => window.drawn[number]", number)
    assert drawn == state, f"the page shows {drawn} where the machine is {state}"
    return float(drawn_ms - begin_ms)
