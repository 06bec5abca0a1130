"""Where ours spends its time: the steps of its jobs, as their rows say. By the wall clock, so to 1 ms."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.bench.figures import median

QUEUED = "Wait in the queue"


def steps_ms(jobs: Iterable[dict[str, Any]]) -> dict[str, float | None]:
    """The median of each step over all jobs."""
    found: dict[str, list[float]] = {}
    for job in jobs:
        if job["state"] == "done":
            for title, ms in _steps(job):
                found.setdefault(title, []).append(ms)
    return {title: median(values) for title, values in found.items()}


def _steps(job: dict[str, Any]) -> Iterable[tuple[str, float]]:
    yield QUEUED, _ms(job["created_at"], job["started_at"])
    for step in job["steps"]:
        yield step["title"], _ms(step["begun"], step["ended"])


def _ms(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() * 1000
