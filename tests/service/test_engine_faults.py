"""The engine outlives crashes, stops, takeovers, a database that goes away and rows it cannot read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F

from tests.service.made_up import Site, Twist, end_of, queued, until
from vrabec.jobs import store
from vrabec.jobs.engine import Engine
from vrabec.jobs.plans import PLANS, Plan
from vrabec.jobs.run import PAUSES_SECONDS, Run, advance
from vrabec.lib.actor import SYSTEM
from vrabec.lib.clock import now
from vrabec.lib.errors import HostError, WrongState
from vrabec.models.jobs import Job, JobLine, JobState
from vrabec.models.projects import Project
from vrabec.services.jobs import cancel_job

TITLED = [(f"make_{name}", f"Make {name}") for name in ("one", "two", "three")]
FORWARD = ["do one", "do two", "do three"]


def left_behind(state: JobState, begun: int, ended: int) -> Job:
    """A job as an engine leaves it that was killed."""
    job = store.claim(queued(), "dead:1", TITLED, None)
    assert job
    store.write(job, state=state, begun=begun, ended=ended)
    return job


def test_a_crash_continues_the_begun_step(start_engine: Any, site: Site) -> None:
    job = left_behind(JobState.RUNNING, begun=2, ended=1)
    start_engine()
    assert end_of(job).state == JobState.DONE
    assert site.calls == ["do two", "do three"]


def test_a_crash_continues_the_undoing(start_engine: Any, site: Site) -> None:
    job = left_behind(JobState.UNDOING, begun=3, ended=2)
    start_engine()
    assert end_of(job).state == JobState.FAILED
    assert site.calls == ["undo two", "undo one"]


def test_after_a_crash_the_undo_is_done_again(start_engine: Any, site: Site) -> None:
    # A call of the engine that died may still be in flight.
    site.always["do two"] = HostError("No.")
    job = left_behind(JobState.RUNNING, begun=2, ended=1)
    start_engine()
    assert end_of(job).state == JobState.FAILED
    assert site.calls == ["do two", *["undo two", "undo one"] * 2]


def test_a_cancel_that_came_while_no_engine_ran_is_heard(start_engine: Any, site: Site) -> None:
    job = left_behind(JobState.RUNNING, begun=2, ended=1)
    cancel_job(SYSTEM, job=job)
    start_engine()
    assert end_of(job).state == JobState.CANCELLED
    assert "do two" not in site.calls


def test_a_stop_ends_between_steps_and_the_next_engine_goes_on(start_engine: Any, site: Site) -> None:
    engine = start_engine()
    site.twists["do one"] = [lambda run: engine.stop()]
    job = queued()
    until(engine.stopping.is_set)
    start_engine()
    assert end_of(job).state == JobState.DONE
    assert site.calls == ["do one", *FORWARD]


def test_a_stop_ends_a_wait_inside_a_step(start_engine: Any, site: Site) -> None:
    engine = start_engine()
    waits = Event()
    site.twists["do two"] = [lambda run: (waits.set(), run.wait(3600))]
    job = queued()
    assert waits.wait(20)
    engine.stop()
    start_engine()
    assert end_of(job).state == JobState.DONE
    assert site.calls == ["do one", "do two", "do two", "do three"]


NEXT: dict[str, Twist] = {
    "the step ends": lambda run: None,
    "the step fails": lambda run: (_ for _ in ()).throw(HostError("No.")),
    "the step logs": lambda run: run.log("Still here."),
    "the step reports": lambda run: run.progress(50),
    "the step looks for a cancel": lambda run: run.check(),
}


@pytest.mark.parametrize("what", NEXT)
def test_who_lost_a_job_writes_nothing(transactional_db: None, site: Site, what: str) -> None:
    def lose(run: Run) -> None:
        _take_over(run.job)
        NEXT[what](run)

    site.always["do two"] = lose
    job = store.claim(queued(), "ours:1", TITLED, None)
    with pytest.raises(store.LostJob):
        advance(Run(job, Event()))
    _assert_untouched(job, begun=2)
    assert "do three" not in site.calls


def test_who_lost_a_job_stops_undoing(transactional_db: None, site: Site) -> None:
    site.always |= {"do three": HostError("No."), "undo two": lambda run: _take_over(run.job)}
    job = store.claim(queued(), "ours:1", TITLED, None)
    with pytest.raises(store.LostJob):
        advance(Run(job, Event()))
    assert Job.objects.get(pk=job.pk).owner == "theirs:2"
    assert "undo one" not in site.calls


def _take_over(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(owner="theirs:2", generation=F("generation") + 1)


def _assert_untouched(job: Job, begun: int) -> None:
    found = Job.objects.get(pk=job.pk)
    assert (found.state, found.owner, found.generation) == (JobState.RUNNING, "theirs:2", 2)
    assert (found.begun, found.percent, found.error_code) == (begun, 33, "")
    assert not JobLine.objects.exists()


def test_only_one_of_two_claims_gets_the_job(transactional_db: None) -> None:
    job = queued()
    assert store.claim(job, "a:1", TITLED, None)
    assert store.claim(job, "b:2", TITLED, None) is None
    assert Job.objects.get(pk=job.pk).owner == "a:1"


def test_a_pause_begun_after_the_job_was_listed_is_kept(transactional_db: None) -> None:
    left_behind(JobState.UNDOING, begun=2, ended=0)
    [listed] = store.claimable(now())
    store.pause(Job.objects.get(pk=listed.pk), 3600)
    assert store.claim(listed, "ours:1", [], None) is None


def test_a_pause_is_not_lengthened_by_a_clock_that_was_set_back(transactional_db: None) -> None:
    left_behind(JobState.UNDOING, begun=2, ended=0)
    [job] = store.claimable(now())
    store.pause(job, max(PAUSES_SECONDS))
    assert store.claimable(now()) == []
    assert store.claimable(now() - timedelta(days=1)) == [job]


def test_an_unknown_kind_fails_with_a_sentence_and_the_others_run(engine: Engine) -> None:
    unknown, known = queued("from_the_future"), queued()
    assert end_of(known).state == JobState.DONE
    unknown = end_of(unknown)
    assert unknown.state == JobState.FAILED
    assert unknown.error_message == "This Vrabec does not know jobs of kind from_the_future; upgrade it."


def test_an_unknown_kind_with_begun_steps_is_stuck(start_engine: Any, site: Site) -> None:
    job = left_behind(JobState.RUNNING, begun=2, ended=1)
    Job.objects.filter(pk=job.pk).update(kind="from_the_future")
    start_engine()
    job = end_of(job)
    assert (job.state, job.begun) == (JobState.STUCK, 2)


def test_a_plan_that_cannot_read_its_job_fails_it_and_the_others_run(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "picky", Plan("x", lambda args: (args["wanted"],)))
    bad, good = queued("picky"), queued()
    assert end_of(good).state == JobState.DONE
    bad = end_of(bad)
    assert (bad.state, bad.error_raw) == (JobState.FAILED, "KeyError: 'wanted'")


def test_a_step_that_is_gone_ends_stuck_and_the_others_run(
    start_engine: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = left_behind(JobState.RUNNING, begun=2, ended=1)
    Job.objects.filter(pk=job.pk).update(plan=["make_one", "make_none", "make_three"])
    start_engine()
    assert end_of(queued()).state == JobState.DONE
    job = end_of(job)
    assert (job.state, job.ended, job.error_raw) == (JobState.STUCK, 2, "KeyError: 'make_none'")


def test_a_database_that_goes_away_in_a_step_undoes_nothing(engine: Engine, site: Site) -> None:
    site.twists["do two"] = [OperationalError("the server closed the connection"), InterfaceError("gone")]
    assert end_of(queued()).state == JobState.DONE
    assert site.calls == ["do one", *["do two"] * 3, "do three"]


def test_a_broken_connection_is_opened_again(engine: Engine, site: Site) -> None:
    site.twists["do two"] = [lambda run: connection.connection.close()]
    assert end_of(queued()).state == JobState.DONE
    assert site.calls == ["do one", "do two", "do two", "do three"]


def test_a_database_that_goes_away_in_an_undo_uses_up_no_try(engine: Engine, site: Site) -> None:
    site.always["do two"] = HostError("No.")
    site.twists["undo two"] = [OperationalError("gone")] * 5
    assert end_of(queued()).state == JobState.FAILED
    assert site.made == []


def test_a_mark_whose_answer_was_lost_holds(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, answers = store.begin, [OperationalError("the server closed the connection")]

    def mark(job: Job, index: int) -> None:
        if index < 2 or not answers:
            return begin(job, index)
        begin(copy(job), index)  # written, but the engine does not hear of it
        with pytest.raises(WrongState):
            cancel_job(SYSTEM, job=job)
        raise answers.pop()

    monkeypatch.setattr(store, "begin", mark)
    assert end_of(queued("final")).state == JobState.DONE
    assert site.calls == FORWARD


def test_the_engine_stays_when_the_database_is_away(
    start_engine: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimable = store.claimable
    errors = [InterfaceError("closed"), OperationalError("disk full")]
    monkeypatch.setattr(store, "claimable", lambda at: _raise(errors.pop()) if errors else claimable(at))
    start_engine()
    assert end_of(queued()).state == JobState.DONE


def _raise(error: Exception) -> list[Job]:
    raise error


def test_a_refused_row_is_a_fault_of_the_step(engine: Engine, site: Site) -> None:
    Project.objects.create(name="taken")
    site.always["do two"] = lambda run: Project.objects.create(name="taken")
    job = end_of(queued())
    assert (job.state, job.error_raw.split(":")[0]) == (JobState.FAILED, "IntegrityError")
    assert site.made == []


def test_a_resource_is_opened_once_a_run_and_closed(engine: Engine, site: Site) -> None:
    seen: list[str] = []
    use = _user(_opened(seen))
    site.always |= {"do one": use, "do two": use}
    assert end_of(queued()).state == JobState.DONE
    until(lambda: seen == ["open", "close"])


def test_a_resource_that_does_not_close_holds_nothing_up(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "heavy", Plan("x", PLANS["made_up"].steps, per_host=1))
    site.always["do one"] = _user(_opened([], fails=True))
    jobs = [queued("heavy") for _ in range(3)]
    assert {end_of(job).state for job in jobs} == {JobState.DONE}


def _user(opened: Callable[[], Any]) -> Callable[[Run], None]:
    def use(run: Run) -> None:
        assert run.resource("host", opened) is run.resource("host", opened)

    return use


def _opened(seen: list[str], *, fails: bool = False) -> Callable[[], Any]:
    @contextmanager
    def opened() -> Iterator[object]:
        seen.append("open")
        yield object()
        seen.append("close")
        if fails:
            raise RuntimeError("does not close")

    return opened


def test_the_longest_host_name_fits(start_engine: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 64)
    start_engine()
    assert end_of(queued()).state == JobState.DONE
