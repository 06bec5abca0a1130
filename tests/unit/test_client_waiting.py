"""Waiting for jobs and machines: how often is asked, and what a wait bears."""

from typing import Any

import pytest

from vrabec_client import Client
from vrabec_client.errors import JobFailed, TimedOut, Unavailable, WrongState

JOB = {"id": 7, "title": "Start web", "state": "running", "error": "", "raw": ""}
VM = {
    "id": 1,
    "name": "web",
    "state": "changing",
    "label": "Starting",
    "ready": False,
    "wished": "on",
    "job": None,
}
DONE = JOB | {"state": "done"}
READY = VM | {"state": "running", "label": "Running", "ready": True}
RUNNING = READY | {"ready": False}


class Told(Client):
    """A client that is told one answer after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        super().__init__("http://127.0.0.1:1", "x")
        self._answers = list(answers)

    def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only sleeping moves; what was slept."""
    pauses: list[float] = []
    monkeypatch.setattr("vrabec_client.calls.time.sleep", pauses.append)
    monkeypatch.setattr("vrabec_client.calls.time.monotonic", lambda: sum(pauses))
    return pauses


def test_a_job_is_asked_for_seldomer_and_seldomer_but_each_second(slept: list[float]) -> None:
    Told(*[JOB] * 12, DONE).wait_for_job(7)
    assert slept[0] == 0.2
    assert slept == sorted(slept)
    assert slept[-1] == 1.0


def test_every_look_is_shown() -> None:
    seen: list[str] = []
    Told(JOB, JOB, DONE).wait_for_job(7, watch=lambda job: seen.append(job["state"]))
    assert seen == ["running", "running", "done"]


def test_a_wait_ends_at_its_time_and_not_later(slept: list[float]) -> None:
    with pytest.raises(TimedOut) as raised:
        Told(JOB).wait_for_job(7, timeout=3)
    assert sum(slept) == pytest.approx(3)
    assert raised.value.job == 7


def test_a_wait_of_no_time_looks_once() -> None:
    assert Told(DONE).wait_for_job(7, timeout=0)["state"] == "done"


def test_a_wait_bears_a_controller_that_restarts(slept: list[float]) -> None:
    assert Told(JOB, *[Unavailable("gone")] * 20, DONE).wait_for_job(7) == DONE


def test_a_wait_ends_when_the_controller_stays_away(slept: list[float]) -> None:
    with pytest.raises(Unavailable):
        Told(JOB, Unavailable("gone")).wait_for_job(7)
    assert 60 <= sum(slept) <= 62


def test_a_wait_with_a_time_does_not_bear_more_than_that(slept: list[float]) -> None:
    with pytest.raises(Unavailable):
        Told(Unavailable("gone")).wait_for_job(7, timeout=5)
    assert sum(slept) <= 6


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ({"state": "failed", "error": "No."}, "Start web failed: No."),
        ({"state": "cancelled"}, "Start web was cancelled."),
        ({"state": "stuck", "error": "No."}, "Start web is stuck and needs a person: No."),
    ],
)
def test_a_job_that_does_not_end_well_is_an_error(end: dict[str, str], sentence: str) -> None:
    with pytest.raises(JobFailed) as raised:
        Told(JOB | end | {"raw": "libvirt: no"}).wait_for_job(7)
    assert (raised.value.message, raised.value.raw, raised.value.job) == (sentence, "libvirt: no", 7)


def test_a_machine_that_boots_is_waited_for_until_it_answers() -> None:
    assert Told(VM, VM, READY).wait_until_ready(1, agent=False) == READY


def test_a_machine_without_an_agent_is_ready_when_it_runs() -> None:
    assert Told(RUNNING).wait_until_ready(1, agent=False) == RUNNING


def test_a_machine_that_never_answered_is_not_ready_because_it_runs() -> None:
    with pytest.raises(TimedOut):
        Told(VM, RUNNING).wait_until_ready(1, agent=False, timeout=5)


def test_a_machine_that_is_about_to_start_is_waited_for() -> None:
    assert Told(VM | {"state": "off", "label": "Off"}, READY).wait_until_ready(1) == READY


@pytest.mark.parametrize("change", [{"state": "off", "wished": "off"}, {"state": "crashed"}])
def test_a_machine_that_stopped_is_not_waited_for(change: dict[str, str]) -> None:
    with pytest.raises(WrongState):
        Told(VM | change).wait_until_ready(1)
