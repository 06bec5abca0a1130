"""A job's end is on record: once, in the transaction that ends it, and linked without keeping the job."""

from collections.abc import Callable, Iterator
from threading import Event, current_thread
from typing import Any

import pytest
from django.db import OperationalError, connection

from tests.service.made_up import Site, end_of, queued, until
from vrabec.jobs import store
from vrabec.jobs.engine import Engine
from vrabec.jobs.run import Run
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import HostError
from vrabec.models.audit import Audit, Link
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services import chain, links
from vrabec.services.jobs import cancel_job, retry_job
from vrabec.services.record import ENDED, MOST_SAID, record_end

REFUSED = HostError("The host refused %(what)s.", what="disk", raw="internal error: passwd='s3cret'")


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path_factory.mktemp("data")
    monkeypatch.setattr(store, "ENDS", [record_end])
    monkeypatch.setattr(links, "PAUSE_SECONDS", 0.01)


def ends(job: Job) -> list[tuple[str, str, str, dict[str, str]]]:
    rows = Audit.objects.filter(job_id=job.pk, action__in=ENDED).order_by("pk")
    return [(row.actor, row.action, row.subject, row.detail) for row in rows]


def test_one_that_is_done_says_who_asked_for_it(engine: Engine) -> None:
    olga = User.objects.create(username="olga")
    job = end_of(queued(created_by=olga))
    assert ends(job) == [("vrabec", "job.done", "thing", {"what": "made_up"})]
    line = Audit.objects.get()
    assert (line.user_id, line.kind, line.subject_id) == (olga.pk, "job", job.pk)


def test_one_on_a_machine_is_among_its_lines(engine: Engine) -> None:
    host = Host.objects.create(name="kvm1", uri="test:///default")
    project = Project.objects.create(name="alpha")
    vm = Vm.objects.create(name="web", domain_name="alpha.web", host=host, project=project)
    for fields, of in (
        ({"vm": vm, "host": host, "project": project}, ("vm", vm.pk, project.pk)),
        ({"host": host}, ("host", host.pk, None)),
    ):
        job = end_of(queued(**fields))
        line = Audit.objects.get(job_id=job.pk)
        assert (line.kind, line.subject_id, line.project_id) == of


def test_one_that_failed_says_why_in_our_words(engine: Engine, site: Site) -> None:
    site.always["do two"] = REFUSED
    job = end_of(queued())
    why = {"what": "made_up", "error": "The host refused disk."}
    assert ends(job) == [("vrabec", "job.failed", "thing", why)]
    assert "s3cret" not in str(list(Audit.objects.values()))


def test_a_long_reason_is_cut(engine: Engine, site: Site) -> None:
    site.always["do two"] = HostError("%(why)s", why="x" * 5000)
    [(_, _, _, detail)] = ends(end_of(queued()))
    assert detail["error"] == "x" * MOST_SAID


def test_one_that_was_cancelled(engine: Engine, site: Site) -> None:
    def cancel(run: Run) -> None:
        cancel_job(SYSTEM, job=Job.objects.get(pk=run.job.pk))
        run.check()

    site.always["do two"] = cancel
    job = end_of(queued())
    assert ends(job) == [("vrabec", "job.cancelled", "thing", {"what": "made_up"})]


def test_one_that_stuck_and_went_on_has_two_ends(engine: Engine, site: Site) -> None:
    site.twists["do three"] = [REFUSED] * 4
    job = end_of(queued("final"))
    assert job.state == JobState.STUCK
    job = end_of(retry_job(SYSTEM, job=job))
    assert [action for _, action, _, _ in ends(job)] == ["job.stuck", "job.done"]


def test_one_that_is_done_again_has_an_end_of_its_own(engine: Engine, site: Site) -> None:
    site.twists["do two"] = [REFUSED]
    first = end_of(queued())
    again = end_of(retry_job(SYSTEM, job=first))
    assert [[action for _, action, _, _ in ends(job)] for job in (first, again)] == [
        ["job.failed"],
        ["job.done"],
    ]


def test_one_that_cannot_run_at_all_ends_on_record(engine: Engine) -> None:
    [(_, action, _, detail)] = ends(end_of(queued("from_the_future")))
    assert action == "job.failed"
    assert detail["error"].startswith("This Vrabec does not know jobs")


def test_no_end_without_its_line_and_no_line_without_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [OperationalError("disk full")] * 2

    def breaks(job: Job) -> None:
        record_end(job)
        if faults:
            raise faults.pop()

    monkeypatch.setattr(store, "ENDS", [breaks])
    for job in (end_of(queued()), end_of(queued("from_the_future"))):
        assert len(ends(job)) == 1
    assert not faults


def test_who_lost_a_job_writes_no_end(transactional_db: None) -> None:
    job = store.claim(queued(), "ours:1", [], None)
    Job.objects.update(generation=7)
    with pytest.raises(store.LostJob):
        store.finish(job, JobState.DONE)
    assert not Audit.objects.exists()


def test_pages_are_told_once_the_end_can_be_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, str]] = []

    def look(rows: Any) -> None:
        seen.append((connection.in_atomic_block, Job.objects.get(pk=rows[0][1]).state))

    monkeypatch.setattr(store, "announce", look)
    end_of(queued())
    until(lambda: seen and seen[-1] == (False, JobState.DONE))
    assert not any(within for within, _ in seen)


# --- their links


@pytest.fixture
def beside(transactional_db: None) -> Iterator[None]:
    with links.linked_beside():
        yield


def unlinked() -> int:
    return Audit.objects.exclude(pk__in=Link.objects.values("audit_id")).count()


def test_the_thread_of_a_job_links_nothing(
    beside: None, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []
    link = links.link
    monkeypatch.setattr(links, "link", lambda ids: (named.append(current_thread().name), link(ids)))
    jobs = [queued() for _ in range(8)]
    for job in jobs:
        end_of(job)
    until(lambda: unlinked() == 0)
    assert set(named) == {"record"}
    assert list(chain.verify()) == []


def test_jobs_end_while_a_link_waits(beside: None, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, link = Event(), links.link
    monkeypatch.setattr(links, "link", lambda ids: (go_on.wait(20), link(ids)))
    try:
        assert {end_of(queued()).state for _ in range(3)} == {JobState.DONE}
        assert unlinked() == 3
    finally:
        go_on.set()
    until(lambda: unlinked() == 0)


def failing(times: int) -> Callable[[Any], None]:
    link, faults = links.link, [OperationalError("away"), OSError("full")] * times

    def fails(ids: Any) -> None:
        if faults:
            raise faults.pop()
        link(ids)

    return fails


def test_a_database_that_takes_no_link_is_asked_again(
    beside: None, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "link", failing(2))
    end_of(queued())
    until(lambda: unlinked() == 0)


def test_what_waits_at_the_end_is_linked(transactional_db: None) -> None:
    with links.linked_beside():
        for _ in range(20):
            store.finish(store.claim(queued(), "ours:1", [], None), JobState.DONE)
    assert Link.objects.count() == 20
    assert list(chain.verify()) == []


def test_an_end_without_a_link_keeps_nobody_for_ever(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "link", failing(1000))
    with links.linked_beside():
        store.finish(store.claim(queued(), "ours:1", [], None), JobState.DONE)
    assert unlinked() == 1
    assert chain.link_rest() == [Audit.objects.get().pk]
