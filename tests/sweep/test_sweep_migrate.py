"""Wherever Vrabec is killed while it moves a machine, it runs on one host and is known to no other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.fixtures import lab_pair
from tests.lab.host import LabHost
from tests.lab.pair import OWN_FOLDER
from tests.sweep.machines import make_template
from tests.sweep.migrate import MOVES, Moves, TakesItsDisk
from tests.sweep.sweep import sweep

__all__ = ["lab_pair"]


@pytest.mark.lab
@pytest.mark.parametrize("kind", MOVES)
def test_a_kill_leaves_no_machine_between_two_hosts(
    kind: type[Moves],
    lab_pair: tuple[LabHost, LabHost],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    one, two = lab_pair
    folder = OWN_FOLDER if kind is TakesItsDisk else str(tmp_path / "shared")
    scenario = kind(one.uri, make_template(tmp_path / "template.qcow2"), other=two.uri, shared=folder)
    report = sweep(scenario)
    record_property("sweep", report.summary())
    print(report.summary())
    assert not report.bad, "\n".join(str(case) for case in report.bad[:5])
    assert not report.unswept
