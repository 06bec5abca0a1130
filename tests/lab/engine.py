"""An engine with its real plans, in a thread of the test: a test that wants it imports `engine`."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine import running
from vrabec.jobs.plans import PLANS
from vrabec.workflows import register_all


@pytest.fixture
def engine(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The engine with its real plans."""
    if "vm.create" not in PLANS:
        register_all()
    monkeypatch.setattr("vrabec.jobs.run.PAUSES_SECONDS", (0.01, 0.01, 0.01))
    settings.VRABEC_LOOK_AGAIN_SECONDS = 0.05
    with running(threads=2):
        yield
