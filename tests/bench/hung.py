"""`scripts/bench hung`: the list of machines, and jobs on other hosts, while one host is stopped (SIGSTOP).

In turns with the same fleet as it should be. It wakes at the end of its turn, and is online again.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.bench.figures import median, quartiles
from tests.bench.fleet import FleetController, side_by_side
from tests.bench.pages import THINK_S, Reader
from tests.e2e.waiting import wait_until
from vrabec_client.client import Client

PROJECT = "main"
MACHINES = 4
"""So many, on as many hosts that do not hang, are paused and resumed again and again."""


@dataclass(frozen=True)
class Size:
    """How many pairs, how long each of the two lasts, and how lively the fleet is meanwhile."""

    runs: int
    seconds: float
    events_s: float


@dataclass
class Turn:
    """What was seen in one turn, in milliseconds."""

    pages_ms: list[float] = field(default_factory=list)
    jobs_ms: list[float] = field(default_factory=list)


def measure(controller: FleetController, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench hung`."""
    fleet, before = controller.fleet, controller.children()
    with controller.client() as client:
        vms = _adopted(client, fleet.names[1 : 1 + MACHINES])
        reader = Reader(controller)
        well: list[Turn] = []
        hung: list[Turn] = []
        # Nor those that are given jobs: a machine that somebody else paused cannot be paused.
        with fleet.stirred(size.events_s, without=1 + MACHINES):
            _turn(reader, client, vms, size.seconds)
            for number in range(size.runs):
                for is_hung in (True, False) if number % 2 else (False, True):
                    if not is_hung:
                        well.append(_turn(reader, client, vms, size.seconds))
                        continue
                    fleet.hosts[0].hang()
                    hung.append(_turn(reader, client, vms, size.seconds))
                    fleet.hosts[0].resume()
                    name = fleet.names[0]
                    wait_until(lambda: client.find_host(name)["state"] == "online", "it is online again")  # noqa: B023
    if controller.children() != before:
        raise RuntimeError("a process of Vrabec's has ended")
    return {
        "bench": "hung",
        "hosts": len(fleet.hosts),
        "vms": fleet.vms,
        "runs": size.runs,
        **_compared("list", [turn.pages_ms for turn in hung], [turn.pages_ms for turn in well]),
        **_compared("jobs", [turn.jobs_ms for turn in hung], [turn.jobs_ms for turn in well]),
        "counts": [sum(len(turn.pages_ms) for turn in hung), sum(len(turn.jobs_ms) for turn in hung)],
    }


def _compared(name: str, hung: list[list[float]], well: list[list[float]]) -> dict[str, Any]:
    ours, floor = [median(times) or 0.0 for times in hung], [median(times) or 0.0 for times in well]
    ratios = [mine / other for mine, other in zip(ours, floor, strict=True)]
    return {
        f"{name}_hung_ms": median(ours),
        f"{name}_ms": median(floor),
        f"{name}_ratio": median(ratios),
        f"{name}_spread": quartiles(ratios),
    }


def _adopted(client: Client, hosts: list[str]) -> list[int]:
    """A running machine of each of these hosts, now of a project."""
    client.create_project(PROJECT)
    vms = []
    for host in hosts:
        vm = client.list_vms(search=f"host:{host}", state="running", per_page=1)["items"][0]
        vms.append(client.adopt_vm(vm["id"], PROJECT)["id"])
    return vms


def _turn(reader: Reader, client: Client, vms: list[int], seconds: float) -> Turn:
    """One reads the list while somebody else gives jobs, one after the other."""
    turn, end = Turn(), time.monotonic() + seconds
    reader.times_ms = {name: [] for name in reader.times_ms}

    def work() -> None:
        verbs = (client.pause_vm, client.resume_vm)
        number = 0
        while time.monotonic() < end or number % (2 * len(vms)):
            verb = verbs[number // len(vms) % 2]
            turn.jobs_ms.append(_job_ms(client, verb(vms[number % len(vms)])["job"]["id"]))
            number += 1

    side_by_side(
        [threading.Thread(target=work), threading.Thread(target=reader.read_for, args=(seconds, THINK_S))]
    )
    turn.pages_ms = reader.all_ms
    return turn


def _job_ms(client: Client, job_id: int) -> float:
    """From the request to the end, as the job itself says."""
    job = client.wait_for_job(job_id)
    return _ms(job["created_at"], job["finished_at"])


def _ms(begin: str, end: str | None) -> float:
    assert end is not None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000
