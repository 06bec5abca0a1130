"""The engine runs plans: forward in order, and back again when a step fails."""

import io
import logging
from threading import Barrier, Event
from typing import Any

import pytest

from tests.service.made_up import Site, end_of, queued, until
from vrabec.jobs.engine import Engine
from vrabec.jobs.plans import PLANS, Plan, fixed
from vrabec.jobs.run import Run
from vrabec.lib import wire
from vrabec.lib.errors import HostError, Unavailable
from vrabec.lib.logs import LineFormatter
from vrabec.models.changes import engine_socket
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState

DO = ["do one", "do two", "do three"]
REFUSED = HostError("The host refused %(what)s.", what="disk", raw="internal error: no disk")


def test_steps_run_in_order(engine: Engine, site: Site) -> None:
    job = end_of(queued())
    assert (job.state, job.percent, job.begun, job.ended) == (JobState.DONE, 100, 3, 3)
    assert site.calls == DO
    assert site.made == [f"{job.pk}-{name}" for name in ("one", "three", "two")]


def test_every_step_has_its_times(engine: Engine) -> None:
    job = end_of(queued())
    times = [job.started_at.isoformat()]
    for step in job.steps:
        times += [step["begun"], step["ended"]]
    assert times == sorted(times)
    assert [step["title"] for step in job.steps] == ["Make one", "Make two", "Make three"]
    assert job.started_at <= job.finished_at
    assert job.owner == ""


def test_a_line_of_the_log_knows_its_step(engine: Engine, site: Site) -> None:
    site.always["do two"] = lambda run: run.log("Made %(count)s.", count=2)
    [line] = end_of(queued()).lines.all()
    assert (line.step, line.message, line.params) == ("make_two", "Made 2.", {"count": 2})


def test_a_log_takes_any_parameter(engine: Engine, site: Site) -> None:
    site.always["do one"] = lambda run: run.log("%(job)s in %(template)s", job=site.directory, template="\0x")
    [line] = end_of(queued()).lines.all()
    assert line.message == f"{site.directory} in x"


def test_a_step_reports_how_far_it_is(engine: Engine, site: Site) -> None:
    seen = []

    def report(run: Run) -> None:
        run.progress(50)
        seen.append(Job.objects.get(pk=run.job.pk).percent)

    site.always["do two"] = report
    end_of(queued())
    assert seen == [50]


def test_a_plan_without_steps_is_done(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PLANS, "nothing", Plan("Do nothing", fixed()))
    assert end_of(queued("nothing")).state == JobState.DONE


def test_an_error_undoes_what_was_begun_last_first(engine: Engine, site: Site) -> None:
    site.always["do two"] = REFUSED
    job = end_of(queued())
    assert (job.state, job.ended, job.percent) == (JobState.FAILED, 0, 0)
    assert site.calls == ["do one", "do two", "undo two", "undo one"]
    assert site.made == []


def test_an_error_keeps_its_sentence_and_what_the_host_said(engine: Engine, site: Site) -> None:
    site.always["do two"] = REFUSED
    job = end_of(queued())
    assert (job.error_code, job.error_template) == ("host_error", "The host refused %(what)s.")
    assert job.error_message == "The host refused disk."
    assert job.error_raw == "internal error: no disk"
    assert [line.message for line in job.lines.all()] == ["The host refused disk."]


def test_an_error_of_any_text_is_stored(engine: Engine, site: Site) -> None:
    # PostgreSQL stores neither NUL nor half a surrogate pair, and "job" is also a parameter of ours.
    site.always["do one"] = HostError("Job %(job)s: %(why)s", job=7, why="a\0b", raw="c\0\udc80")
    job = end_of(queued())
    assert (job.error_message, job.error_raw) == ("Job 7: ab", "c?")


def test_a_mistake_of_ours_is_undone_like_any_error(engine: Engine, site: Site) -> None:
    site.always["do two"] = ValueError("not so")
    job = end_of(queued())
    assert (job.state, job.error_raw) == (JobState.FAILED, "ValueError: not so")
    assert site.made == []


def test_what_is_logged_meanwhile_names_the_job(engine: Engine, site: Site) -> None:
    site.always["do two"] = ValueError("not so")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter())
    logging.getLogger("vrabec.jobs").addHandler(handler)
    try:
        job = end_of(queued())
    finally:
        logging.getLogger("vrabec.jobs").removeHandler(handler)
    [line] = [line for line in out.getvalue().splitlines() if "not so" in line]
    assert f"ERROR vrabec.jobs.run job={job.pk}: step make_two\\nTraceback" in line


def test_an_undo_that_fails_is_tried_again(engine: Engine, site: Site) -> None:
    site.always["do two"] = REFUSED
    site.twists["undo two"] = [Unavailable("Away."), ValueError("not so")]
    job = end_of(queued())
    assert (job.state, job.error_message) == (JobState.FAILED, "The host refused disk.")
    assert site.calls[2:] == ["undo two", "undo two", "undo two", "undo one"]
    assert site.made == []


def test_an_undo_that_never_works_ends_stuck_and_says_what_is_left(engine: Engine, site: Site) -> None:
    site.always |= {"do two": REFUSED, "undo one": Unavailable("Away.")}
    job = end_of(queued())
    assert (job.state, job.ended, job.owner) == (JobState.STUCK, 1, "")
    assert job.error_message == "The host refused disk."
    assert site.calls.count("undo one") == 4
    assert [line.message for line in job.lines.all()][-1] == "Undoing: Away."


def test_each_undone_step_has_all_its_tries(engine: Engine, site: Site) -> None:
    away = Unavailable("Away.")
    site.always["do two"] = REFUSED
    site.twists |= {"undo two": [away] * 3, "undo one": [away] * 3}
    assert end_of(queued()).state == JobState.FAILED


def test_past_the_point_of_no_return_a_step_is_tried_until_it_works(engine: Engine, site: Site) -> None:
    site.twists["do three"] = [REFUSED, ValueError("not so")]
    job = end_of(queued("final"))
    assert (job.state, job.error_code, job.error_raw) == (JobState.DONE, "", "")
    assert site.calls == [*DO, "do three", "do three"]


def test_what_cannot_go_forward_ends_stuck(engine: Engine, site: Site) -> None:
    site.always["do three"] = REFUSED
    job = end_of(queued("final"))
    assert (job.state, job.begun, job.error_message) == (JobState.STUCK, 3, "The host refused disk.")
    assert site.calls == [*DO, *["do three"] * 3]


def test_each_step_past_the_point_of_no_return_has_all_its_tries(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "early", Plan("x", PLANS["made_up"].steps, no_return="make_one"))
    site.twists |= {"do one": [REFUSED] * 3, "do two": [REFUSED] * 3}
    assert end_of(queued("early")).state == JobState.DONE


def test_a_plan_without_its_point_of_no_return_can_be_undone(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "short", Plan("x", fixed("make_one"), no_return="make_three"))
    site.always["do one"] = REFUSED
    assert end_of(queued("short")).state == JobState.FAILED


def test_after_a_lost_connection_the_undo_is_done_again(engine: Engine, site: Site) -> None:
    def late(run: Run) -> None:
        # The call that was in flight ends after the undo of its step.
        (site.directory / f"{run.job.pk}-two").touch()

    site.always["do two"] = Unavailable("Gone.")
    site.twists["undo one"] = [late]
    job = end_of(queued())
    assert site.calls[2:] == ["undo two", "undo one", "undo two", "undo one"]
    assert (job.state, job.error_message, job.generation) == (JobState.FAILED, "Gone.", 2)
    assert site.made == []


def test_a_host_has_no_more_jobs_of_a_kind_than_its_limit(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "heavy", Plan("x", PLANS["made_up"].steps, per_host=1))
    host = Host.objects.create(name="a", uri="test:///default")
    inside: list[int] = []
    most: list[int] = []

    def enter(run: Run) -> None:
        inside.append(run.job.pk)
        most.append(len(inside))

    site.always |= {"do one": enter, "do three": lambda run: inside.remove(run.job.pk)}
    jobs = [end_of(job) for job in [queued("heavy", host=host) for _ in range(4)]]
    assert {job.state for job in jobs} == {JobState.DONE}
    assert set(most) == {1}


def test_the_limit_of_one_host_does_not_hold_up_another(
    engine: Engine, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PLANS, "heavy", Plan("x", PLANS["made_up"].steps, per_host=1))
    together = Barrier(2, timeout=20)
    site.always["do one"] = lambda run: together.wait()
    hosts = [Host.objects.create(name=name, uri="test:///default") for name in "ab"]
    jobs = [queued("heavy", host=host) for host in hosts]
    assert {end_of(job).state for job in jobs} == {JobState.DONE}


def test_no_more_jobs_run_than_there_are_threads(start_engine: Any, site: Site) -> None:
    go_on = Event()
    site.always["do one"] = lambda run: go_on.wait(20)
    jobs = [queued() for _ in range(3)]
    start_engine(threads=2)
    until(lambda: len(site.calls) == 2)
    third = Job.objects.get(pk=jobs[2].pk)
    go_on.set()
    assert third.state == JobState.QUEUED
    assert {end_of(job).state for job in jobs} == {JobState.DONE}


def test_a_job_whose_poke_was_lost_is_found(engine: Engine) -> None:
    assert end_of(queued()).state == JobState.DONE


def test_a_poke_wakes_the_engine(start_engine: Any, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrabec.jobs.engine.POLL_SECONDS", 3600)
    looks: list[int] = []
    claimable = "vrabec.jobs.store.claimable"
    monkeypatch.setattr(claimable, lambda at: looks.append(1) or list(Job.objects.active()))
    start_engine()
    until(lambda: looks)
    job = queued()
    wire.send(engine_socket(), b"job")
    assert end_of(job).state == JobState.DONE
