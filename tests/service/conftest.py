"""An engine in a thread, and jobs on a made-up host."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.engine import running
from tests.service.made_up import NAMES, Site
from vrabec.jobs.engine import Engine
from vrabec.jobs.plans import PLANS, STEPS, Plan, Step, fixed


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The host; jobs "made_up" run on it, and jobs "final", whose third step is the point of no return."""
    found = Site(tmp_path)
    for name in NAMES:
        step = Step(f"Make {name}", partial(found.do, name), partial(found.undo, name))
        monkeypatch.setitem(STEPS, f"make_{name}", step)
    steps = fixed(*(f"make_{name}" for name in NAMES))
    monkeypatch.setitem(PLANS, "made_up", Plan("Make things", steps))
    monkeypatch.setitem(PLANS, "final", Plan("Make things for good", steps, no_return="make_three"))
    return found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Pauses that no test has to wait for."""
    monkeypatch.setattr("vrabec.jobs.run.PAUSES_SECONDS", (0.01, 0.01, 0.01))
    monkeypatch.setattr("vrabec.jobs.engine.POLL_SECONDS", 0.02)
    settings.VRABEC_LOOK_AGAIN_SECONDS = 0.05


@pytest.fixture
def start_engine(transactional_db: None, quick: None) -> Iterator[Callable[..., Engine]]:
    """Start an engine in a thread of its own; it is stopped after the test."""
    with ExitStack() as started:
        yield lambda threads=4: started.enter_context(running(threads))


@pytest.fixture
def engine(start_engine: Callable[..., Engine], site: Site) -> Engine:
    """A running engine that knows the jobs of `site`."""
    return start_engine()
