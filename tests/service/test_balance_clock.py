"""Balance by the clock: when a run begins, what it does move by move, and whom it gives way to."""

from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from tests.cast import Site, make_host, site
from tests.service.test_balance import uneven
from vrabec.jobs.run import Run
from vrabec.jobs.store import LostJob
from vrabec.lib.clock import now
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm
from vrabec.services import balance_clock
from vrabec.services.balance import propose
from vrabec.services.balance_clock import queue_due_balances
from vrabec.services.facts import vm_moved
from vrabec.services.maintenance import maintain_host
from vrabec.services.vm_migrate import migrate_vm
from vrabec.workflows.balance import BALANCE

__all__ = ["site", "uneven"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def due(uneven: Cluster) -> Cluster:
    """Due for two moves."""
    Cluster.objects.update(balance_hours=24, balance_moves=2)
    return Cluster.objects.get()


def begun() -> Job:
    """The run that is due."""
    assert queue_due_balances() == 1
    return Job.objects.get(kind="cluster.balance")


def goes_on(job: Job) -> bool:
    """Whether the run wants to come back, once it has done what it could."""
    with suppress(LostJob):
        BALANCE["cluster.balance"].do(Run(Job.objects.get(pk=job.pk), Event()))
        return False
    return True


def moving(job: Job) -> Job:
    """Its move that goes on."""
    return Job.objects.active().get(parent=job)


def end(move: Job, state: JobState = JobState.DONE) -> None:
    Job.objects.filter(pk=move.pk).update(state=state)
    if state == JobState.DONE:
        vm_moved(move.vm_id or 0, move.args["target"], is_ready=True)


def said(job: Job) -> list[str]:
    return [line.message for line in job.lines.order_by("pk")]


def any_vm() -> Vm:
    return Vm.objects.select_related("host", "project").filter(seen=Seen.RUNNING).order_by("pk")[0]


# --- when


def test_a_cluster_is_due_once_each_time_and_never_unless_told_so(site: Site, due: Cluster) -> None:
    Cluster.objects.update(balance_hours=0)
    assert queue_due_balances() == 0
    Cluster.objects.update(balance_hours=24)
    assert [queue_due_balances() for _ in range(2)] == [1, 0]
    Job.objects.update(state=JobState.DONE)
    Cluster.objects.update(balanced_at=now() - timedelta(hours=25))
    assert [queue_due_balances() for _ in range(2)] == [1, 0]
    jobs = Job.objects.filter(kind="cluster.balance")
    assert [(job.subject_name, job.args["most"]) for job in jobs] == [("default", 2)] * 2
    record = Audit.objects.filter(action="cluster.balance_due")
    assert {(line.actor, line.subject, line.detail["most"]) for line in record} == {("vrabec", "default", 2)}


def test_of_two_looks_at_the_same_moment_one_queues(site: Site, due: Cluster) -> None:
    stale = Cluster.objects.get()
    assert [balance_clock._queue_run(row) for row in (due, stale)] == [True, False]


def test_a_run_that_goes_on_is_not_joined_by_another(site: Site, due: Cluster) -> None:
    begun()
    Cluster.objects.update(balanced_at=now() - timedelta(hours=25))
    assert queue_due_balances() == 0


# --- move by move


def test_moves_are_made_one_by_one_up_to_the_limit(site: Site, due: Cluster) -> None:
    job = begun()
    for _ in range(2):
        assert goes_on(job)
        assert goes_on(job), "while it moves, nothing else begins"
        end(moving(job))
    assert not goes_on(job)
    assert sorted(Host.objects.get(pk=move.args["target"]).name for move in job.children.all()) == [
        "kvm2",
        "kvm3",
    ]
    assert said(job)[-1] == "2 of 2 moves were made."
    assert {(move.kind, move.created_by_name) for move in job.children.all()} == {("vm.migrate", "vrabec")}
    assert set(Audit.objects.filter(action="vm.migrate").values_list("actor", flat=True)) == {"vrabec"}


def test_each_move_is_proposed_of_what_is_so_then(site: Site, due: Cluster) -> None:
    job = begun()
    goes_on(job)
    [other] = {"kvm2", "kvm3"} - {moving(job).args["to"]}
    end(moving(job))
    Host.objects.filter(name=other).update(state=HostState.UNREACHABLE)
    goes_on(job)
    assert moving(job).args["to"] != other


def test_a_machine_is_tried_once_also_where_its_move_fails(site: Site, due: Cluster) -> None:
    job = begun()
    goes_on(job)
    first = moving(job)
    end(first, JobState.FAILED)
    goes_on(job)
    assert moving(job).vm_id != first.vm_id
    end(moving(job))
    assert not goes_on(job)
    assert said(job)[-1] == "1 of 2 moves were made."


def test_a_move_that_went_stale_is_said_and_counts(
    site: Site, due: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, stopped = begun(), set[int]()

    def proposed(*given: Any, **more: Any) -> Any:
        found = propose(*given, **more)
        stopped.add(found.moves[0].vm_id)
        Vm.objects.filter(pk=found.moves[0].vm_id).update(seen=Seen.OFF)
        return found

    monkeypatch.setattr(balance_clock, "propose", proposed)
    assert [goes_on(job) for _ in range(3)] == [True, True, False]
    assert len(stopped) == 2
    name = Vm.objects.get(pk=min(stopped)).name
    assert f"{name}: {name} is off." in said(job)
    assert (said(job)[-1], job.children.count()) == ("0 of 2 moves were made.", 0)


def test_a_cluster_that_is_gone_or_even_has_nothing_to_move(site: Site, due: Cluster) -> None:
    job = begun()
    Vm.objects.update(seen=Seen.OFF)
    assert not goes_on(job)
    Job.objects.filter(pk=job.pk).update(args={**job.args, "cluster": 10**6})
    assert not goes_on(job)
    assert said(job) == ["0 of 0 moves were made."] * 2


# --- people come first


def test_nothing_begins_while_somebody_moves_a_machine_and_then_it_does(site: Site, due: Cluster) -> None:
    move = migrate_vm(site.administrator.actor, vm=any_vm(), to="kvm2")
    assert queue_due_balances() == 0
    end(move)
    assert queue_due_balances() == 1


def test_a_run_ends_when_somebody_moves_a_machine_or_empties_a_host(site: Site, due: Cluster) -> None:
    job = begun()
    move = migrate_vm(site.administrator.actor, vm=any_vm(), to="kvm2")
    assert not goes_on(job)
    end(move)
    maintain_host(site.administrator.actor, host=Host.objects.get(name="kvm3"))
    assert not goes_on(job)
    assert [line for line in said(job) if "waits" in line] == [
        f"The rest waits until the next time. Job {move.pk}, vm.migrate, moves machines here.",
        "The rest waits until the next time. kvm3 is in maintenance.",
    ]
    assert not job.children.exists()


def test_another_cluster_is_not_in_the_way(site: Site, due: Cluster) -> None:
    other = Cluster.objects.create(name="other")
    make_host("far")
    Host.objects.filter(name="far").update(cluster=other, maintenance_since=now())
    Job.objects.create(kind="cluster.balance", args={"cluster": other.pk})
    assert queue_due_balances() == 1
