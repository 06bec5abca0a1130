"""A move that was torn after an early switch-over is not taken up again where that breaks a host."""

from types import SimpleNamespace
from typing import Any

import pytest

from vrabec.lib.errors import HostError, Unavailable, WrongState
from vrabec.workflows import vm_halves


class FakeRun:
    """A run as far as `_take_up` knows it."""

    def __init__(self) -> None:
        self.args: dict[str, Any] = {}
        self.job = SimpleNamespace(tries=1)
        self.said: list[str] = []

    def remember(self, **values: Any) -> None:
        """Keep them."""
        self.args |= values

    def log(self, template: str) -> None:
        """Say it."""
        self.said.append(template)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Exception | None]:
    """What the next calls end with."""
    coming: list[Exception | None] = []
    monkeypatch.setattr(vm_halves, "Call", lambda run, vm, goes_on: None)
    monkeypatch.setattr(vm_halves, "carried_out", lambda run, vm, call: SimpleNamespace(error=coming.pop(0)))
    for name in ("source_of", "target_of"):
        monkeypatch.setattr(vm_halves, name, lambda run: SimpleNamespace(name="kvm1"))
    return coming


def take_up(run: FakeRun) -> None:
    vm_halves._take_up(run, None)  # type: ignore[arg-type]


def test_one_that_breaks_a_host_is_tried_again_when_a_person_asks(answers: list[Exception | None]) -> None:
    run = FakeRun()
    answers += [Unavailable("The connection broke off."), None]
    with pytest.raises(Unavailable):
        take_up(run)
    with pytest.raises(HostError, match="Both are kept"):
        take_up(run)
    run.job.tries = 0
    take_up(run)
    assert (answers, len(run.said)) == ([], 1)


def test_one_that_runs_by_itself_is_let_run(answers: list[Exception | None]) -> None:
    run = FakeRun()
    answers += [WrongState("QEMU reports migration is still running"), HostError("No.")]
    take_up(run)
    with pytest.raises(HostError, match="No"):
        take_up(run)
    assert (run.said, run.args) == ([], {})
