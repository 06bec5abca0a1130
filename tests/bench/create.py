"""How long a machine takes by REST, and thirty at once, beside the same by hand."""

import statistics
from dataclasses import dataclass
from typing import Any

from tests.bench.figures import median, quartiles
from tests.bench.listener import READY, STARTED
from tests.bench.referee import Goal, Outcome, Referee
from tests.bench.steps import steps_ms
from tests.bench.ways import ByHand, Ours
from tests.e2e.controller import Controller

ONE = Goal(machines=1, event=STARTED, limit_s=60)
CLASS_LIMIT_SECONDS = 900.0
CLASS_THREADS = (1, 4, 8, 30)
"""The floor of a class is the best of these: who works by hand would find it, too."""


@dataclass(frozen=True)
class Size:
    """How often, and how many at once; 0 leaves that part out."""

    runs: int
    machines: int
    class_runs: int


def measure(controller: Controller, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench create`."""
    with Referee(controller) as referee:
        referee.warm_up(Ours(controller), ONE)
        result = _one(controller, referee, size.runs) if size.runs else {}
        if size.machines:
            result["class"] = _class(controller, referee, size)
        return result | {"same": referee.fingerprint}


def _one(controller: Controller, referee: Referee, runs: int) -> dict[str, Any]:
    ours, by_hand = Ours(controller), ByHand(controller, referee.sample)
    pairs = [(referee.attempt(ours, ONE), referee.attempt(by_hand, ONE)) for _ in range(runs)]
    figures = compare([mine for mine, _ in pairs], [floor for _, floor in pairs])
    return figures | {"runs": runs, "steps_ms": steps_ms(ours.jobs)}


def _class(controller: Controller, referee: Referee, size: Size) -> dict[str, Any]:
    goal = Goal(size.machines, READY, CLASS_LIMIT_SECONDS)
    ours = Ours(controller)
    by_hand = {threads: ByHand(controller, referee.sample, threads) for threads in CLASS_THREADS}
    mine: list[Outcome] = []
    floors: dict[int, list[Outcome]] = {threads: [] for threads in by_hand}
    for _ in range(size.class_runs):
        mine.append(referee.attempt(ours, goal))
        for threads, way in by_hand.items():
            floors[threads].append(referee.attempt(way, goal))
    best = min(floors, key=lambda threads: _rank(floors[threads]))
    tried = {str(threads): median([outcome.ms for outcome in found]) for threads, found in floors.items()}
    shape = {"machines": size.machines, "runs": size.class_runs, "threads": best, "floors_ms": tried}
    return compare(mine, floors[best]) | shape | {"steps_ms": steps_ms(ours.jobs)}


def _rank(outcomes: list[Outcome]) -> tuple[int, float]:
    """The fewest failures first, then the shortest time."""
    return sum(outcome.failed for outcome in outcomes), statistics.median(outcome.ms for outcome in outcomes)


def compare(ours: list[Outcome], floor: list[Outcome]) -> dict[str, Any]:
    """Medians, and quartiles of what was measured in pairs."""
    ratios = [mine.ms / other.ms for mine, other in zip(ours, floor, strict=True) if mine.ms and other.ms]
    return {
        "ours_ms": median([outcome.ms for outcome in ours]),
        "floor_ms": median([outcome.ms for outcome in floor]),
        "ratio": median(ratios),
        "spread": {
            "ours_ms": quartiles([outcome.ms for outcome in ours]),
            "floor_ms": quartiles([outcome.ms for outcome in floor]),
            "ratio": quartiles(ratios),
        },
        "failed": sum(outcome.failed for outcome in ours),
        "floor_failed": sum(outcome.failed for outcome in floor),
        "errors": sorted({error for outcome in (*ours, *floor) for error in outcome.errors}),
    }
