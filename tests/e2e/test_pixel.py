"""The page follows every change of a machine, in order; how fast is printed, not asserted."""

import pytest

from tests.e2e.chromium import Person
from tests.e2e.controller import Controller
from tests.e2e.pixel import measure

CHANGES = 200


def test_every_change_on_a_host_reaches_the_page(
    ada: Person, controller: Controller, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = measure(controller, ada, CHANGES)
    with capsys.disabled():
        print(f"\nevent to pixel: {figures}")
    assert figures.changes == CHANGES
