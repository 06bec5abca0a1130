"""Wherever Vrabec is killed while it makes, changes or deletes a machine, host and database then agree."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fixtures import lab_host
from tests.lab.host import LabHost
from tests.sweep.edits import EDITS
from tests.sweep.machines import Creates, Deletes, FailsToCreate, Machines, make_template
from tests.sweep.sweep import sweep
from tests.sweep.verbs import SWEPT, Verb

__all__ = ["lab_host"]


@pytest.mark.lab
@pytest.mark.parametrize("kind", [Creates, FailsToCreate, Deletes, *EDITS])
def test_a_kill_leaves_no_machine_half_made(
    kind: type[Machines], lab_host: LabHost, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    scenario = kind(lab_host.uri, make_template(tmp_path / "template.qcow2"))
    report = sweep(scenario)
    record_property("sweep", report.summary())
    print(report.summary())
    assert not report.bad, "\n".join(str(case) for case in report.bad[:5])
    assert not report.missed
    assert not report.unswept
    assert len(report.cases) == 1 + len(scenario.victims) * len(report.points)


@pytest.mark.lab
@pytest.mark.parametrize("kind", SWEPT)
def test_a_kill_leaves_no_verb_half_done(
    kind: type[Verb], lab_host: LabHost, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    report = sweep(kind(lab_host.uri, make_template(tmp_path / "template.qcow2")))
    record_property("sweep", report.summary())
    print(report.summary())
    assert not report.bad, "\n".join(str(case) for case in report.bad[:5])
    assert not report.missed
    assert not report.unswept
    assert len(report.cases) == 1 + len(kind.victims) * len(report.points)
