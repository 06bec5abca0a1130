"""`scripts/bench audit`: the whole record verified, beside reading its rows and one code for each."""

import hmac
import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.creation import prepare
from tests.bench.figures import median, now_ms, quartiles

_WARM = 1
_ACTS = ("vm.start", "vm.shutdown", "vm.resize", "vm.console", "job.done", "session.begin")


def measure(folder: Path, lines: int, runs: int) -> dict[str, Any]:
    """The line. `command_ms` is all of `vrabecd audit verify`, Python's start with it."""
    prepare(folder)
    _fill(lines)
    times: dict[str, list[float]] = {"ours_ms": [], "floor_ms": [], "command_ms": []}
    works = {"ours_ms": _verify, "floor_ms": lambda: _floor(folder, lines), "command_ms": _command}
    for _ in range(runs + _WARM):
        for name, work in works.items():
            times[name].append(_timed(work))
    kept = {name: values[_WARM:] for name, values in times.items()}
    ratio = statistics.median(
        ours / floor for ours, floor in zip(kept["ours_ms"], kept["floor_ms"], strict=True)
    )
    line: dict[str, Any] = {"bench": "audit", "lines": lines, "runs": runs}
    line |= {name: median(values) for name, values in kept.items()} | {"ratio": round(ratio, 2)}
    return line | {"spread": {name: quartiles(values) for name, values in kept.items()}}


def _fill(lines: int) -> None:
    """Lines as people leave them, linked as they are in production."""
    from django.db import transaction

    from vrabec.lib.actor import Actor
    from vrabec.models.users import User
    from vrabec.services.record import record

    chance = random.Random(0)  # noqa: S311
    user = User.objects.create(username="ada")
    with transaction.atomic():
        for number in range(lines):
            actor = Actor(user.pk, "ada", address=f"192.0.2.{number % 200}", token=chance.choice(("", "ci")))
            detail = {
                "before": {"cpus": number % 9, "memory_mib": 2048},
                "after": {"cpus": 4},
                "to": "žluťoučký",
            }
            record(actor, chance.choice(_ACTS), of=user, **detail)


def _verify() -> None:
    from vrabec.services.chain import verify

    if faults := list(verify()):
        raise RuntimeError(f"the record has faults: {faults[:3]}")


def _command() -> None:
    command = [str(Path(sys.executable).with_name("vrabecd")), "audit", "verify"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    if "as they were written" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def _floor(folder: Path, lines: int) -> None:
    """What nobody can leave out: each row is read, and one HMAC made of it. No link, no order, no model."""
    count = 0
    with sqlite3.connect(folder / "data/vrabec.sqlite3") as database:
        for row in database.execute("SELECT * FROM vrabec_audit ORDER BY id"):
            hmac.digest(b"k" * 32, json.dumps(row).encode(), "sha256")
            count += 1
    database.close()
    if count != lines:
        raise RuntimeError(f"{count} lines, not {lines}")


def _timed(work: Callable[[], None]) -> float:
    began = now_ms()
    work()
    return now_ms() - began
