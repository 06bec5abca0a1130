"""/healthz and /metrics: what a load balancer and Prometheus are told."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from tests.cast import Site
from vrabec.lib.clock import now
from vrabec.lib.heartbeat import beat
from vrabec.models.changes import heartbeat_of
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen
from vrabec.services.health import LOOPS

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def engine_lives() -> None:
    for loop in LOOPS:
        beat(heartbeat_of(loop))


def get(path: str, **headers: str) -> Any:
    return Client(headers=headers).get(path, secure=True)


def figures(site: Site) -> Figures:
    answer = get("/metrics", authorization=f"Bearer {site.administrator.secret}")
    assert answer.status_code == 200, answer.content
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_all_is_well(site: Site) -> None:
    answer = get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_an_engine_that_never_started_is_a_fault(site: Site) -> None:
    heartbeat_of("jobs").unlink()
    answer = get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"No job runs: the engine has not started.\n")


def test_an_engine_that_stands_still_is_a_fault(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    beat(heartbeat_of("jobs"))
    monkeypatch.setattr("vrabec.services.health.STALE_SECONDS", -1.0)
    jobs, hosts = get("/healthz").content.decode().splitlines()
    assert re.fullmatch(r"No job runs: the engine has not moved for \d s\.", jobs)
    assert re.fullmatch(r"No host is watched: the engine has not moved for \d s\.", hosts)


def test_a_heartbeat_from_before_a_reboot_is_none(site: Site) -> None:
    heartbeat_of("inventory").write_text(f"1 {10.0**12}")
    assert b"No host is watched: the engine has not started." in get("/healthz").content


def test_a_database_that_does_not_answer_is_a_fault(site: Site) -> None:
    def fail(execute: Callable[..., Any], *args: Any) -> Any:
        raise OperationalError("password=secret: no route to db.example.org")

    with connection.execute_wrapper(fail):
        answer = get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"The database does not answer.\n")


def test_machines_hosts_and_jobs_are_counted(site: Site) -> None:
    site.make_vm("one", seen=Seen.RUNNING)
    site.make_vm("two", seen=Seen.RUNNING, is_managed=False)
    site.make_vm("gone", deleted_at=now())
    asked = Job.objects.create(kind="vm.start", vm=site.vm, created_by_name="olga")
    Job.objects.filter(pk=asked.pk).update(created_at=now() - timedelta(hours=1))
    Job.objects.create(kind="vm.start", state=JobState.DONE, created_by_name="olga")
    found = figures(site)
    assert found["vrabec_machines", (("managed", "true"), ("state", "off"))] == 1
    assert found["vrabec_machines", (("managed", "true"), ("state", "running"))] == 1
    assert found["vrabec_machines", (("managed", "false"), ("state", "running"))] == 1
    assert found["vrabec_hosts", (("state", "online"),)] == 1
    assert found["vrabec_hosts", (("state", "unreachable"),)] == 0
    queued, done = (("kind", "vm.start"), ("state", "queued")), (("kind", "vm.start"), ("state", "done"))
    assert (found["vrabec_jobs", queued], found["vrabec_jobs", done]) == (1, 1)
    assert found["vrabec_jobs_oldest_age_seconds", queued] >= 3600
    assert ("vrabec_jobs_oldest_age_seconds", done) not in found


def test_the_engine_is_measured_by_its_heartbeat(site: Site) -> None:
    found = figures(site)
    assert found["vrabec_heartbeat_age_seconds", (("loop", "jobs"),)] >= 0
    assert found["vrabec_resident_memory_bytes", (("process", "engine"),)] > 2**20
    heartbeat_of("jobs").write_text(f"{2**22 + 1} 0.0")  # above any pid
    assert figures(site)["vrabec_resident_memory_bytes", (("process", "engine"),)] == 0
    assert os.getpid() < 2**22 + 1


def test_a_hundred_machines_cost_the_questions_of_one(site: Site) -> None:
    def ask() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            figures(site)
        return len(asked)

    figures(site)
    few = ask()
    for number in range(100):
        vm = site.make_vm(f"m{number}")
        Job.objects.create(kind="vm.start", vm=vm, created_by_name="olga")
    assert ask() == few <= 6


@pytest.mark.parametrize(("named", "status"), [(("127.0.0.0/8",), 200), (("192.0.2.0/24",), 401), ((), 401)])
def test_an_address_in_the_settings_needs_no_token(
    site: Site, monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...], status: int
) -> None:
    monkeypatch.setattr(settings, "VRABEC_CONFIG", replace(settings.VRABEC_CONFIG, metrics_from=named))
    assert get("/metrics").status_code == status


def test_who_comes_through_a_proxy_needs_a_token(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    named = replace(settings.VRABEC_CONFIG, metrics_from=("127.0.0.1",))
    monkeypatch.setattr(settings, "VRABEC_CONFIG", named)
    answer = get("/metrics", x_forwarded_for="127.0.0.1")
    assert answer.status_code == 401
    assert answer.content.startswith(b"Send an administrator's token")


def test_an_engines_loops_beat(site: Site) -> None:
    """The engine's part; that the fleet's loop beats shows in the whole controller (tests/e2e)."""
    from threading import Thread

    from vrabec.jobs.engine import Engine

    heartbeat_of("jobs").unlink()
    engine = Engine(1)
    engine.claim_all = engine.stop  # type: ignore[method-assign]
    thread = Thread(target=engine.run)
    thread.start()
    thread.join(20)
    assert heartbeat_of("jobs").exists()
