"""A host in maintenance: planned, emptied by jobs, filled again; the moves themselves are made up."""

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest

from tests.cast import Site, make_host, site
from tests.service.made_up import end_of, until
from tests.service.test_two_people import at_once
from vrabec.jobs.engine import Engine
from vrabec.jobs.plans import PLANS, STEPS, Plan, Step, fixed
from vrabec.jobs.run import Run
from vrabec.lib.errors import Conflict, Forbidden, HostError, Invalid, NoCapacity, WrongState
from vrabec.lib.fit import Needs
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.evacuation import Outlook
from vrabec.services.facts import vm_moved, write_vm
from vrabec.services.jobs import cancel_job, retry_job
from vrabec.services.maintenance import Lines, maintain_host, plan_maintenance, resume_host, what_returns
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vm_xml import Told, write_xml
from vrabec.services.vms import create_vm, keep_wish, place_vm, start_vm
from vrabec.workflows import maintenance

__all__ = ["site"]
pytestmark = pytest.mark.django_db
ON = {"seen": Seen.RUNNING, "wished": Wished.ON}


@pytest.fixture
def fleet(site: Site) -> Site:
    """web, db and mail run on kvm1; kvm2 and kvm3 are like it; a machine on kvm2, one on kvm1 that is off."""
    Vm.objects.filter(pk=site.vm.pk).update(name="web", seen=Seen.RUNNING, wished=Wished.ON)
    site.make_vm("db", memory_mib=512, **ON)
    site.make_vm("mail", memory_mib=256, **ON)
    site.make_vm("idle")
    two = make_host("kvm2")
    make_host("kvm3")
    site.make_vm("other", host=two, memory_mib=2600, cpus=4, **ON)
    return site


def host(name: str = "kvm1") -> Host:
    return Host.objects.select_related("cluster").get(name=name)


def plan(site: Site, name: str = "kvm1") -> Outlook:
    return plan_maintenance(site.administrator.actor, host=host(name))


def goes(found: Outlook) -> dict[str, str]:
    return {move.name: move.to for move in found.moves}


def begin(site: Site, name: str = "kvm1", **given: Any) -> Job:
    return maintain_host(site.administrator.actor, host=host(name), **given)


def end(site: Site, **given: Any) -> Job:
    return resume_host(site.administrator.actor, host=host(), **given)


def running() -> dict[str, list[str]]:
    """What runs where, by name."""
    found: dict[str, list[str]] = {}
    rows = Vm.objects.present().filter(seen=Seen.RUNNING).order_by("name")
    for name, at in rows.values_list("name", "host__name"):
        found.setdefault(at, []).append(name)
    return found


def lines(job: Job) -> list[str]:
    return [line.message for line in job.lines.order_by("pk")]


# --- the plan


def test_the_plan_says_where_each_machine_goes_and_changes_nothing(fleet: Site) -> None:
    found = plan(fleet)
    assert goes(found) == {"db": "kvm3", "mail": "kvm3", "web": "kvm3"}
    assert (found.stays, found.off, found.losses) == ((), ("idle",), ())
    assert (found.seconds, found.rate_mib_s, found.is_measured) == (16, 100.0, False)
    assert (host().maintenance_since, Job.objects.count(), Audit.objects.filter(kind="host").count()) == (
        None,
        0,
        0,
    )


def test_the_time_is_that_of_earlier_moves(fleet: Site) -> None:
    job = Job.objects.create(
        kind="vm.migrate", state=JobState.DONE, created_by_name="ada", args={"told": {"total_bytes": 2**30}}
    )
    Job.objects.filter(pk=job.pk).update(
        started_at="2026-01-01T10:00:00Z", finished_at="2026-01-01T10:00:32Z"
    )
    assert (plan(fleet).rate_mib_s, plan(fleet).seconds, plan(fleet).is_measured) == (32.0, 36, True)


def test_what_cannot_move_is_said_with_the_reason(fleet: Site) -> None:
    names = {vm.name: vm for vm in Vm.objects.all()}
    names["db"].pinned_to.set([host()])
    write_xml(names["mail"].pk, Told("<domain/>", Needs(devices=("pci 0-1",)), "1"))
    Vm.objects.filter(name="web").update(memory_mib=3600)
    Host.objects.exclude(name="kvm1").update(memory_mib=2048)
    none = "No other host can take it."
    assert {one.name: one.message for one in plan(fleet).stays} == {
        "db": f"{none} kvm2: The machine is bound to kvm1. kvm3: The machine is bound to kvm1.",
        "mail": "It holds a device of its host (pci 0-1): take that away first.",
        "web": f"{none} kvm2: It has 0 MiB of memory left. kvm3: It has 1536 MiB of memory left.",
    }


def test_a_host_is_emptied_also_where_that_leaves_no_cover_and_it_is_said(fleet: Site) -> None:
    Host.objects.filter(name="kvm3").update(state=HostState.UNREACHABLE)
    Cluster.objects.update(cover=Cover.REFUSE)
    found = plan(fleet)
    assert goes(found) == {"db": "kvm2", "mail": "kvm2", "web": "kvm2"}
    assert found.losses is not None
    lost = {loss.host: set(loss.machines) for loss in found.losses}
    assert lost == {"kvm2": {"other", "db", "mail", "web"}}
    Cluster.objects.update(cover=Cover.OFF)
    assert plan(fleet).losses is None


def test_only_administrators_see_plans_and_begin_and_end_maintenance(fleet: Site) -> None:
    for act in (plan_maintenance, maintain_host, resume_host, what_returns):
        with pytest.raises(Forbidden):
            act(fleet.owner.actor, host=host())


# --- the state


def test_a_host_in_maintenance_takes_nothing_and_says_so(fleet: Site) -> None:
    begin(fleet)
    said = {v.host.name: v.message for v in place_vm(fleet.administrator.actor, wish=fleet.wish()).verdicts}
    assert said["kvm1"] == "It is in maintenance."
    job = create_vm(fleet.administrator.actor, wish=fleet.wish())
    assert job.host
    assert job.host.name != "kvm1"
    with pytest.raises(NoCapacity, match=r"kvm1 cannot take it now\. It is in maintenance\."):
        start_vm(fleet.administrator.actor, vm=Vm.objects.select_related("host").get(name="idle"))
    other = Vm.objects.select_related("host").get(name="other")
    with pytest.raises(Conflict, match=r"other cannot move to kvm1\. It is in maintenance\."):
        migrate_vm(fleet.administrator.actor, vm=other, to="kvm1")


def test_a_host_that_comes_back_in_maintenance_starts_nothing_by_itself(fleet: Site) -> None:
    begin(fleet)
    Vm.objects.filter(name="web").update(seen=Seen.OFF)
    assert keep_wish(Vm.objects.select_related("host").get(name="web")) is None


def test_beginning_and_ending_are_recorded(fleet: Site) -> None:
    job = begin(fleet, rest="shutdown")
    line = Audit.objects.get(action="host.maintain")
    assert (line.subject, line.detail, line.job_id) == ("kvm1", {"rest": "shutdown"}, job.pk)
    Job.objects.update(state=JobState.DONE)
    end(fleet)
    assert Audit.objects.get(action="host.resume").detail == {"back": 0}
    assert host().maintenance_since is None


def test_an_unknown_choice_is_named(fleet: Site) -> None:
    with pytest.raises(Invalid, match="Choose one of: leave, shutdown") as raised:
        begin(fleet, rest="explode")
    assert (raised.value.field, host().maintenance_since) == ("rest", None)


def test_what_is_in_no_maintenance_has_no_end_of_it(fleet: Site) -> None:
    with pytest.raises(WrongState, match="kvm1 is not in maintenance"):
        end(fleet)


def test_a_host_that_is_being_emptied_is_not_filled(fleet: Site) -> None:
    job = begin(fleet)
    for act in (begin, end):
        with pytest.raises(Conflict, match=f"Another job works on kvm1: job {job.pk}, host.maintain"):
            act(fleet)
    assert host().maintenance_since is not None


@pytest.mark.django_db(transaction=True)
def test_of_two_who_begin_at_once_one_is_told(fleet: Site) -> None:
    fleet.owner = fleet.administrator
    done, refused = at_once(fleet, *[lambda actor, vm: maintain_host(actor, host=host())] * 2)
    assert (len(done), [type(error) for error in refused], Job.objects.count()) == (1, [Conflict], 1)


# --- emptied and filled


class Moves:
    """What becomes of moves: they follow `fails` by the machine's name, and wait while `gate` is shut."""

    def __init__(self) -> None:
        self.fails: dict[str, str] = {}
        self.gate = Event()
        self.gate.set()
        self.most = 0
        self.begun: list[tuple[str, str]] = []

    def move(self, run: Run) -> None:
        """Follow it at once."""
        vm = Vm.objects.get(pk=run.job.vm_id or 0)
        target = Host.objects.get(pk=run.args["target"])
        self.begun.append((vm.name, target.name))
        self.most = max(self.most, Job.objects.active().filter(kind="vm.migrate").count())
        while not self.gate.wait(0.01):
            run.check()
        if vm.name in self.fails:
            raise HostError(self.fails[vm.name])
        vm_moved(vm.pk, target.pk, is_ready=True)


def _power(seen: Seen) -> Callable[[Run], None]:
    return lambda run: void(write_vm(run.job.vm_id or 0, seen))


def void(_done: object) -> None:
    return


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Moves:
    made = Moves()
    steps = {
        "vm.migrate": made.move,
        "vm.shutdown": _power(Seen.OFF),
        "vm.start": _power(Seen.RUNNING),
    }
    for kind, do in steps.items():
        monkeypatch.setitem(STEPS, f"fake {kind}", Step(kind, do))
        monkeypatch.setitem(PLANS, kind, Plan(kind, fixed(f"fake {kind}"), per_host=2))
    for kind, own in (("host.maintain", maintenance.EMPTY), ("host.resume", maintenance.FILL)):
        monkeypatch.setitem(PLANS, kind, Plan(kind, fixed(*own)))
        for name, step in own.items():
            monkeypatch.setitem(STEPS, name, step)
    monkeypatch.setattr(maintenance, "REST_SECONDS", 0.05)
    return made


@pytest.fixture
def alone(start_engine: Callable[..., Engine], fleet: Site, moves: Moves) -> Iterator[Site]:
    """With an engine of one thread: a job that waited in it for its children would wait for ever."""
    start_engine(threads=1)
    yield fleet
    moves.gate.set()


def test_a_host_is_emptied_and_filled_again_by_one_thread(alone: Site, moves: Moves) -> None:
    before = running()
    job = end_of(begin(alone))
    assert (job.state, job.percent) == (JobState.DONE, 100)
    assert running() == {"kvm2": ["other"], "kvm3": ["db", "mail", "web"]}
    assert lines(job) == ["No machine runs on kvm1 any more."]
    assert {child.created_by_name for child in job.children.all()} == {alone.administrator.user.shown_name}
    assert host("kvm1").maintenance_since is not None
    back = end_of(end(alone))
    assert (back.state, running(), host().maintenance_since) == (JobState.DONE, before, None)
    assert moves.most <= 2


def test_a_move_that_fails_is_tried_elsewhere_and_then_the_rest_goes_on(alone: Site, moves: Moves) -> None:
    moves.fails["db"] = "It would not."
    job = end_of(begin(alone))
    assert job.state == JobState.DONE
    assert running() == {"kvm1": ["db"], "kvm2": ["other"], "kvm3": ["mail", "web"]}
    assert [target for name, target in moves.begun if name == "db"] == ["kvm3", "kvm2"]
    assert lines(job) == ["db runs on. It would not."]
    assert [one.message for one in plan(alone).stays] == ["It would not."]
    moves.fails.clear()
    assert end_of(begin(alone)).state == JobState.DONE
    assert "kvm1" not in running()


def test_a_target_that_went_away_since_the_plan_gets_nothing(alone: Site, moves: Moves) -> None:
    assert {move.to for move in plan(alone).moves} == {"kvm3"}
    moves.gate.clear()
    job = begin(alone)
    until(lambda: moves.begun)
    Host.objects.filter(name="kvm3").update(state=HostState.UNREACHABLE)
    moves.gate.set()
    assert end_of(job).state == JobState.DONE
    assert dict(moves.begun)["web"] == "kvm2"
    assert "kvm1" not in running()


def test_those_that_cannot_move_are_shut_down_if_wished_and_started_at_the_end(alone: Site) -> None:
    Vm.objects.get(name="db").pinned_to.set([host()])
    job = end_of(begin(alone, rest="shutdown"))
    db = Vm.objects.get(name="db")
    assert (job.state, db.seen, db.wished) == (JobState.DONE, Seen.OFF, Wished.OFF)
    assert end_of(end(alone)).state == JobState.DONE
    db.refresh_from_db()
    assert (db.seen, db.wished, running()["kvm1"]) == (Seen.RUNNING, Wished.ON, ["db", "mail", "web"])


def test_a_cancelled_one_moves_no_more_and_leaves_the_host_in_maintenance(alone: Site, moves: Moves) -> None:
    moves.gate.clear()
    job = begin(alone)
    until(lambda: moves.begun)
    cancel_job(alone.administrator.actor, job=Job.objects.get(pk=job.pk))
    assert end_of(job).state == JobState.CANCELLED
    assert {child.state for child in job.children.all()} == {JobState.CANCELLED}
    assert (running()["kvm1"], host().maintenance_since is None) == (["db", "mail", "web"], False)


def test_a_retried_one_whose_maintenance_is_over_moves_nothing(alone: Site, moves: Moves) -> None:
    job = end_of(begin(alone))
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    end_of(end(alone))
    again = end_of(retry_job(alone.administrator.actor, job=Job.objects.get(pk=job.pk)))
    assert (again.state, again.error_message) == (JobState.FAILED, "kvm1 is not in maintenance.")
    assert running()["kvm1"] == ["db", "mail", "web"]


def test_what_somebody_moved_or_stopped_meanwhile_does_not_come_back(alone: Site) -> None:
    end_of(begin(alone))
    Vm.objects.filter(name="web").update(host=host("kvm2"))
    Vm.objects.filter(name="mail").update(seen=Seen.OFF)
    assert [vm.name for vm in what_returns(alone.administrator.actor, host=host()).moves] == ["db"]
    end_of(end(alone, bring_back=False))
    assert "kvm1" not in running()


def test_a_silent_host_waits_for_its_machines(fleet: Site) -> None:
    begin(fleet)
    Job.objects.update(state=JobState.DONE)
    Vm.objects.filter(name="web").update(seen=Seen.OFF)
    Host.objects.filter(name="kvm1").update(state=HostState.UNREACHABLE)
    with pytest.raises(WrongState, match="kvm1 does not answer: wait until it does"):
        end(fleet)
    assert end(fleet, bring_back=False).kind == "host.resume"


def test_no_more_moves_begin_than_hosts_and_network_bear(fleet: Site) -> None:
    job = begin(fleet)
    busy = [fleet.make_vm(f"busy-{n}", host=host("kvm3"), **ON) for n in range(2)]
    for vm in busy:
        args = {"source": host("kvm2").pk, "target": host("kvm3").pk}
        Job.objects.create(kind="vm.migrate", vm=vm, host=host("kvm2"), created_by_name="ada", args=args)
    lines = Lines(host())
    one, two, three = (host(f"kvm{n}").pk for n in (1, 2, 3))
    assert (lines.are_free(one, three), lines.are_free(one, two)) == (False, False)
    assert lines.are_free(one, 99)
    lines.take(one, 98)
    lines.take(97, 98)
    assert not lines.are_free(one, 99)
    assert job.kind == "host.maintain"
