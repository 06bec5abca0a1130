"""A cancel undoes the job or is refused: never both, and never neither."""

from threading import Event
from typing import Any

import pytest

from tests.service.made_up import Site, end_of, queued, until
from vrabec.jobs import store
from vrabec.jobs.engine import Engine
from vrabec.jobs.run import Run
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import WrongState
from vrabec.models.jobs import Job, JobState
from vrabec.services.jobs import cancel_job


def cancel(job_id: int) -> bool:
    """Ask as a person does; whether the service took it."""
    try:
        cancel_job(SYSTEM, job=Job.objects.get(pk=job_id))
    except WrongState:
        return False
    return True


def test_a_job_cancelled_before_its_start_does_nothing(start_engine: Any, site: Site) -> None:
    job = queued()
    assert cancel(job.pk)
    start_engine()
    job = end_of(job)
    assert (job.state, job.error_code, job.begun) == (JobState.CANCELLED, "cancelled", 0)
    assert site.calls == []


def test_a_long_step_hears_of_a_cancel(engine: Engine, site: Site) -> None:
    begun = Event()

    def work(run: Run) -> None:
        begun.set()
        while True:
            run.check()
            run.wait(0.005)

    site.always["do two"] = work
    job = queued()
    assert begun.wait(20)
    assert cancel(job.pk)
    assert end_of(job).state == JobState.CANCELLED
    assert site.calls == ["do one", "do two", "undo two", "undo one"]
    assert site.made == []


def test_a_cancel_in_a_short_step_stops_before_the_next(engine: Engine, site: Site) -> None:
    site.always["do one"] = lambda run: cancel(run.job.pk)
    assert end_of(queued()).state == JobState.CANCELLED
    assert site.calls == ["do one", "undo one"]


def test_a_job_that_is_being_undone_cannot_be_cancelled(engine: Engine, site: Site) -> None:
    answers: list[bool] = []

    def look(run: Run) -> None:
        answers.extend([cancel(run.job.pk), run.is_cancelled()])

    site.always |= {"do two": ValueError("not so"), "undo two": look}
    assert end_of(queued()).state == JobState.FAILED
    assert answers == [False, False]


def test_past_the_point_of_no_return_a_cancel_is_refused(engine: Engine, site: Site) -> None:
    answers: list[bool] = []

    def look(run: Run) -> None:
        answers.extend([cancel(run.job.pk), run.is_cancelled()])
        run.check()

    site.always["do three"] = look
    assert end_of(queued("final")).state == JobState.DONE
    assert answers == [False, False]


def test_a_step_that_burns_the_way_back_is_tried_again_until_the_way_is_open(
    engine: Engine, site: Site
) -> None:
    answers: list[bool] = []

    def look(run: Run) -> None:
        run.no_way_back()
        answers.extend([run.is_only_forward, cancel(run.job.pk), run.is_cancelled()])
        if run.job.tries:
            run.way_back()
        raise ValueError("not so")

    site.always["do two"] = look
    job = end_of(queued("final"))
    assert (job.state, answers) == (JobState.FAILED, [True, False, False] * 2)
    assert "undo two" in site.calls


def test_a_cancel_before_the_way_back_is_burnt_wins(engine: Engine, site: Site) -> None:
    def look(run: Run) -> None:
        assert cancel(run.job.pk)
        run.no_way_back()

    site.always["do two"] = look
    assert end_of(queued()).state == JobState.CANCELLED
    assert site.made == []


def test_a_cancel_between_the_check_and_the_mark_wins(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = store.cancel_asked

    def look_then_cancel(job: Job) -> bool:
        found = asked(job)
        if job.begun == 2 and not found:
            assert cancel(job.pk)
        return found

    monkeypatch.setattr(store, "cancel_asked", look_then_cancel)
    assert end_of(queued("final")).state == JobState.CANCELLED
    assert "do three" not in site.calls
    assert site.made == []


def test_a_cancel_just_after_the_mark_loses(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, answers = store.begin, []

    def mark_then_cancel(job: Job, index: int) -> None:
        begin(job, index)
        if index == 2:
            answers.append(cancel(job.pk))

    monkeypatch.setattr(store, "begin", mark_then_cancel)
    assert end_of(queued("final")).state == JobState.DONE
    assert answers == [False]


def test_cancels_that_race_win_or_lose_but_never_both(engine: Engine, site: Site) -> None:
    final: list[int] = []
    site.always["do three"] = lambda run: final.append(run.job.pk)
    jobs = [queued("final") for _ in range(12)]
    for job in jobs:
        until(lambda job=job: Job.objects.get(pk=job.pk).begun >= 2)
        won, end = cancel(job.pk), end_of(job)
        assert end.state == (JobState.CANCELLED if won else JobState.DONE)
        assert (job.pk in final) is not won
        assert len([name for name in site.made if name.startswith(f"{job.pk}-")]) == (0 if won else 3)
