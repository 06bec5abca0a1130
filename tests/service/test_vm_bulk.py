"""One verb on many machines: each its own job and line, and those that cannot say why."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, site
from vrabec.lib.errors import Invalid
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.lists import VmQuery
from vrabec.services.vm_bulk import (
    MAX_MACHINES,
    BulkAction,
    Outcome,
    Selection,
    act_on_many,
    choose_many,
    refusals,
    summarize,
)
from vrabec.services.vm_edit import MAX_TAGS

__all__ = ["site"]
pytestmark = pytest.mark.django_db


def made(site: Site, count: int, seen: Seen = Seen.OFF, begin: str = "vm") -> list[Vm]:
    return [site.make_vm(f"{begin}-{number:03d}", seen=seen, memory_mib=16) for number in range(count)]


def ids(vms: list[Vm]) -> Selection:
    return Selection(tuple(vm.pk for vm in vms))


def said(verb: str, done: list[Outcome]) -> str:
    return summarize(verb, len(done), (one.refusal for one in done if one.refusal)).message


def test_those_that_can_are_started_and_the_others_say_why(site: Site) -> None:
    off, running = made(site, 12), made(site, 18, Seen.RUNNING, "up")
    done = act_on_many(site.owner.actor, selection=ids([*off, *running]), action=BulkAction("start"))
    assert said("start", done) == "Start 12 of 30: 18 run already."
    assert {one.vm_id for one in done if one.job} == {vm.pk for vm in off}
    assert {job.vm_id for job in Job.objects.filter(kind="vm.start")} == {vm.pk for vm in off}
    lines = Audit.objects.filter(action="vm.start", actor="olga")
    assert {line.subject_id for line in lines} == {vm.pk for vm in off}
    assert {line.job_id for line in lines} == set(Job.objects.values_list("pk", flat=True))
    refused = {one.refusal.error.message for one in done if one.refusal}
    assert refused == {f"{vm.name} runs already." for vm in running}
    assert set(Vm.objects.filter(pk__in=[vm.pk for vm in off]).values_list("wished", flat=True)) == {
        Wished.ON
    }


def test_every_reason_is_counted_in_words(site: Site) -> None:
    vms = [
        site.make_vm(name, seen=seen) for name, seen in (("a", Seen.OFF), ("b", Seen.OFF), ("c", Seen.PAUSED))
    ]
    busy = site.make_vm("busy", seen=Seen.RUNNING)
    Job.objects.create(kind="vm.reboot", vm=busy, project=site.project)
    runs = site.make_vm("runs", seen=Seen.RUNNING)
    gone = Selection((*(vm.pk for vm in [*vms, busy, runs]), 10**9))
    done = act_on_many(site.owner.actor, selection=gone, action=BulkAction("shutdown"))
    assert said("shutdown", done) == (
        "Shut down 1 of 6: 2 are off, another job works on 1, 1 is paused, 1 is not there."
    )
    assert Job.objects.get(vm=runs).args == {"deadline_seconds": 90, "then_power_off": False}


def test_each_machine_asks_for_the_right_in_its_own_project(site: Site) -> None:
    theirs = site.make_vm("theirs", project=site.other)
    both = ids([site.vm, theirs])
    owner = act_on_many(site.owner.actor, selection=both, action=BulkAction("start"))
    assert [(one.name, bool(one.job)) for one in owner] == [("web", True), ("", False)]
    assert {one.refusal.error.code for one in owner if one.refusal} == {"not_found"}
    teammate = act_on_many(site.viewer.actor, selection=ids([site.vm]), action=BulkAction("start"))
    assert [one.refusal.error.code for one in teammate if one.refusal] == ["forbidden"]
    tagged = act_on_many(site.viewer.actor, selection=ids([site.vm]), action=BulkAction("tag", tag=("x",)))
    assert said("tag", tagged) == "Tag 0 of 1: 1 is not yours to change."
    assert Job.objects.count() == 1


def test_a_silent_host_and_foreign_machines_are_left_out(site: Site) -> None:
    found = site.make_vm("found", is_managed=False)
    done = act_on_many(site.administrator.actor, selection=ids([site.vm, found]), action=BulkAction("delete"))
    assert said("delete", done) == "Delete 1 of 2: 1 was not made by Vrabec."
    Host.objects.update(state=HostState.UNREACHABLE)
    done = act_on_many(site.administrator.actor, selection=ids([found]), action=BulkAction("start"))
    assert said("start", done) == "Start 0 of 1: the host of 1 does not answer."


def test_starts_are_promised_memory_one_after_the_other(site: Site) -> None:
    # 4096 MiB less the host's own 512 hold three of 1024.
    big = [site.make_vm(f"big-{number}", memory_mib=1024) for number in range(5)]
    done = act_on_many(site.owner.actor, selection=ids(big), action=BulkAction("start"))
    assert said("start", done) == "Start 3 of 5: the hosts of 2 cannot take them now."
    assert {one.refusal.error.code for one in done if one.refusal} == {"no_capacity"}


def test_a_crashed_machine_is_not_counted_twice_when_it_starts_again(site: Site) -> None:
    crashed = [site.make_vm(f"c-{n}", memory_mib=1024, seen=Seen.CRASHED, wished=Wished.ON) for n in range(3)]
    done = act_on_many(site.owner.actor, selection=ids(crashed), action=BulkAction("start"))
    assert said("start", done) == "Start 3 of 3."


def test_all_that_a_search_finds_are_meant(site: Site) -> None:
    made(site, 3, Seen.RUNNING, "up")
    done = act_on_many(
        site.owner.actor,
        selection=Selection(query=VmQuery(search="state:running")),
        action=BulkAction("pause"),
    )
    assert sorted(one.name for one in done if one.job) == ["up-000", "up-001", "up-002"]


def test_who_deletes_names_the_machines(site: Site) -> None:
    with pytest.raises(Invalid, match="by their ids, not by a search"):
        act_on_many(
            site.owner.actor, selection=Selection(query=VmQuery(search="web")), action=BulkAction("delete")
        )
    done = act_on_many(site.owner.actor, selection=ids([site.vm]), action=BulkAction("delete"))
    assert said("delete", done) == "Delete 1 of 1."
    assert Job.objects.get().args == {"was_wished": "off", "was_running": False}


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (BulkAction("explode"), "Choose one of: start"),
        (BulkAction("clone"), "Choose one of: start"),
        (BulkAction("shutdown", deadline_seconds=0), "from 1 to 3600 seconds"),
        (BulkAction("tag"), "Give a tag"),
        (BulkAction("tag", tag=("No Tag",)), "A tag is 1 to 32"),
    ],
)
def test_what_cannot_be_asked_is_refused_as_a_whole(site: Site, action: BulkAction, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        act_on_many(site.owner.actor, selection=ids([site.vm]), action=action)
    assert not Job.objects.exists()


def test_none_and_too_many_are_refused(site: Site) -> None:
    with pytest.raises(Invalid, match="No machine is chosen"):
        choose_many(site.owner.actor, Selection())
    with pytest.raises(Invalid, match="No machine is chosen"):
        choose_many(site.owner.actor, Selection(query=VmQuery(search="nothing-like-it")))
    with pytest.raises(Invalid, match="At most 500 machines"):
        choose_many(site.owner.actor, Selection(tuple(range(1, MAX_MACHINES + 2))))


def test_tags_are_added_and_taken_away_and_each_machine_has_its_line(site: Site) -> None:
    full = site.make_vm("full", tag_line=f" {' '.join(f't{n}' for n in range(MAX_TAGS))} ")
    plain = site.make_vm("plain", tag_line=" old ")
    done = act_on_many(
        site.owner.actor,
        selection=ids([full, plain]),
        action=BulkAction("tag", tag=("prod",), untag=("old",)),
    )
    assert said("tag", done) == "Tag 1 of 2: 1 would have too many tags."
    assert Vm.objects.get(pk=plain.pk).tags == ["prod"]
    assert [line.subject for line in Audit.objects.filter(action="vm.describe")] == ["plain"]


def test_what_decides_is_asked_once_for_all(site: Site) -> None:
    few, many = made(site, 2, begin="few"), made(site, 40, begin="many")
    assert looks(site, few) == looks(site, many)
    # A job costs what it costs alone: its row in a savepoint, its line, the wish.
    assert writes(site, many) - writes(site, few) == (40 - 2) * 5


def looks(site: Site, vms: list[Vm]) -> int:
    with CaptureQueriesContext(connection) as context:
        chosen = choose_many(site.owner.actor, ids(vms))
        assert refusals(site.owner.actor, chosen, "start") == {}
    return len(context)


def writes(site: Site, vms: list[Vm]) -> int:
    with CaptureQueriesContext(connection) as context:
        act_on_many(site.owner.actor, selection=ids(vms), action=BulkAction("start"))
    return len(context)
