"""Wherever its processes are killed, a job ends whole or not at all."""

from collections.abc import Callable

import pytest

from tests.sweep.made_up import Careless, EndsWell, EndsWellBesideInventory, Fails, Forgetful, IsCancelled
from tests.sweep.scenario import VICTIMS, Scenario
from tests.sweep.sweep import sweep

SCENARIOS = (EndsWell(), EndsWellBesideInventory(), Fails(), IsCancelled())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: type(each).__name__)
def test_a_killed_engine_leaves_nothing_half_done(
    scenario: Scenario, record_property: Callable[[str, object], None]
) -> None:
    report = sweep(scenario)
    record_property("sweep", report.summary())
    assert not report.bad, "\n".join(str(case) for case in report.bad[:5])
    assert not report.missed
    assert not report.unswept
    assert len(report.cases) == 1 + len(VICTIMS) * len(report.points)


def test_the_sweep_finds_a_step_that_makes_things_twice() -> None:
    report = sweep(Careless())
    assert [(case.victim, case.problems) for case in report.bad] == [
        (victim, ("doubled: disk (2)",)) for victim in VICTIMS
    ]


def test_the_sweep_finds_an_undo_that_forgets_what_a_crash_left() -> None:
    report = sweep(Forgetful())
    assert [(case.victim, case.problems) for case in report.bad] == [
        (victim, ("left over: disk (1)",)) for victim in VICTIMS
    ]
