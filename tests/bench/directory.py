"""`scripts/bench directory`: the list of machines while people try to sign in by a directory that hangs.

In turns with the same directory as it should be, and nobody who signs in.
"""

import http.client
import json
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests import slapd
from tests.bench.figures import median, quantile, quartiles
from tests.bench.fleet import Fleet, FleetController, side_by_side
from tests.bench.pages import THINK_S, Reader

WHO_TRY = 8
"""People who try to sign in all the time; twice the threads that the controller has for them."""


@dataclass(frozen=True)
class Size:
    """How many pairs, how long each of the two lasts, and how lively the fleet is meanwhile."""

    runs: int
    seconds: float
    events_s: float


class DirectoryController(FleetController):
    """A controller of a fleet whose people are in a directory."""

    def __init__(self, fleet: Fleet, ldap: slapd.Slapd) -> None:
        super().__init__(fleet)
        self.ldap = ldap
        self.settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in ldap.settings.items())


def measure(controller: DirectoryController, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench directory`."""
    tries = Tries(controller)
    assert tries.ask("p0") == 201, "somebody of the directory signs in"
    well: list[list[float]] = []
    hung: list[list[float]] = []
    with controller.fleet.stirred(size.events_s):
        _turn(controller, size.seconds)
        for number in range(size.runs):
            for is_hung in (True, False) if number % 2 else (False, True):
                if not is_hung:
                    well.append(_turn(controller, size.seconds))
                    continue
                controller.ldap.hang()
                hung.append(_turn(controller, size.seconds, tries))
                controller.ldap.resume()
    ratios = [(median(one) or 0) / (median(other) or 1) for one, other in zip(hung, well, strict=True)]
    return {
        "bench": "directory",
        "hosts": len(controller.fleet.hosts),
        "vms": controller.fleet.vms,
        "runs": size.runs,
        "p95_hung_ms": quantile([ms for times in hung for ms in times], 95),
        "p95_ms": quantile([ms for times in well for ms in times], 95),
        "ratio": median(ratios),
        "spread": {"ratio": quartiles(ratios)},
        "answers": tries.answers,
        "pages": [sum(map(len, hung)), sum(map(len, well))],
    }


class Tries:
    """People who try; `answers` counts what they were told."""

    def __init__(self, controller: DirectoryController) -> None:
        self._where = urlsplit(controller.url).netloc
        self._trust = ssl.create_default_context(cafile=controller.certificate)
        self.answers: dict[int, int] = {}

    def ask(self, name: str) -> int:
        """Try once; the status."""
        connection = http.client.HTTPSConnection(self._where, context=self._trust)
        body = json.dumps({"username": name, "password": slapd.PASSWORD})
        connection.request("POST", "/api/v1/login", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
        return answer.status

    def go_on_until(self, end: float, name: str) -> None:
        """Try again and again."""
        while time.monotonic() < end:
            self.ask(name)


def _turn(controller: DirectoryController, seconds: float, tries: Tries | None = None) -> list[float]:
    """One reads; a new connection, for it waits until the last of those who try has been answered."""
    reader = Reader(controller)
    end = time.monotonic() + seconds
    who = [(tries, f"p{number}") for number in range(WHO_TRY)] if tries else []
    work = [threading.Thread(target=reader.read_for, args=(seconds, THINK_S))]
    work += [threading.Thread(target=one.go_on_until, args=(end, name)) for one, name in who]
    side_by_side(work)
    return reader.all_ms
