"""Machines that move between two real hosts with a shared folder; what both hosts say is what counts."""

import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import lab_pair
from tests.lab.guests import diskless
from tests.lab.pair import Pair, fast, pair, slowly, told
from tests.service.made_up import end_of, until
from vrabec.hypervisor import connection, domains, lifecycle, migrate
from vrabec.hypervisor.console import open_screen
from vrabec.hypervisor.migrate import Place
from vrabec.inventory.rows import Rows
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.jobs import cancel_job, retry_job
from vrabec.services.vm_migrate import migrate_vm

__all__ = ["engine", "lab_pair", "pair"]
pytestmark = pytest.mark.lab


def test_a_machine_moves_and_both_hosts_agree(pair: Pair) -> None:
    uuid = pair.uuid
    job = end_of(migrate_vm(SYSTEM, vm=pair.row, to="two"))
    assert (job.state, job.error_message) == (JobState.DONE, "")
    assert pair.places == (Place.ABSENT, Place.ON)
    assert pair.virsh == [[], ["main.swept"]]
    assert (pair.at, pair.uuid, pair.row.wished, pair.row.seen) == ("two", uuid, Wished.ON, Seen.RUNNING)
    assert job.args["told"]["downtime_ms"] >= 0
    assert [line.template for line in job.lines.all()] == ["It stood still for %(ms)s ms."]
    found = domains.facts(pair.hosts[1], uuid)
    assert found
    assert found.is_persistent
    back = end_of(migrate_vm(SYSTEM, vm=pair.row))
    assert (back.state, pair.virsh, pair.at) == (JobState.DONE, [["main.swept"], []], "one")


def test_a_cancelled_move_leaves_it_where_it_is(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    slowly(pair)
    job = migrate_vm(SYSTEM, vm=pair.row, to="two")
    until(lambda: told(job).get("total_bytes"))
    assert pair.places == (Place.ON, Place.BETWEEN)
    cancel_job(SYSTEM, job=Job.objects.get(pk=job.pk))
    assert end_of(job).state == JobState.CANCELLED
    assert pair.places == (Place.ON, Place.ABSENT)
    assert (pair.at, pair.row.seen, pair.row.wished) == ("one", Seen.RUNNING, Wished.ON)
    assert set(told(job)) >= {"total_bytes", "left_bytes", "bytes_s", "seconds_left"}


def test_the_targets_inventory_takes_it_for_no_stranger(pair: Pair) -> None:
    one, two = Host.objects.order_by("pk")
    rows = Rows(two.pk)
    slowly(pair)
    job = migrate_vm(SYSTEM, vm=pair.row, to="two")
    until(lambda: pair.places[1] == Place.BETWEEN)
    found = domains.facts(pair.hosts[1], pair.uuid)
    assert rows.saw(pair.uuid, found) == pair.row.pk
    assert Rows(one.pk).saw(pair.uuid, domains.facts(pair.hosts[0], pair.uuid)) == pair.row.pk
    assert pair.at == "one"
    fast(pair)
    assert end_of(job).state == JobState.DONE
    rows.saw_all(dict.fromkeys(rows.known().keys() - {pair.uuid}))
    left = Rows(one.pk)
    left.saw_all(dict.fromkeys(left.known()))
    assert (Vm.objects.count(), pair.at, rows.ids) == (1, "two", {pair.uuid: pair.row.pk})


def test_a_target_that_dies_leaves_it_where_it_is(pair: Pair) -> None:
    slowly(pair)
    job = migrate_vm(SYSTEM, vm=pair.row, to="two")
    until(lambda: pair.places[1] == Place.BETWEEN)
    uuid = pair.uuid
    pair.labs[1].power_loss()
    until(lambda: Job.objects.get(pk=job.pk).state != JobState.RUNNING)
    assert migrate.place(pair.hosts[0], uuid) == Place.ON
    pair.labs[1].power_on()
    assert end_of(job).state in (JobState.FAILED, JobState.STUCK)
    assert pair.virsh == [["main.swept"], []]
    assert (pair.at, pair.row.seen) == ("one", Seen.RUNNING)


def test_a_source_that_dies_takes_it_along_and_starts_it_again(pair: Pair) -> None:
    slowly(pair)
    job = migrate_vm(SYSTEM, vm=pair.row, to="two")
    until(lambda: pair.places[1] == Place.BETWEEN)
    uuid = pair.uuid
    pair.labs[0].power_loss()
    until(lambda: migrate.place(pair.hosts[1], uuid) == Place.ABSENT)
    pair.labs[0].power_on()
    ended = end_of(job)
    if ended.state == JobState.STUCK:  # it was away too long for so hasty an engine
        ended = end_of(retry_job(SYSTEM, job=ended))
    assert ended.state == JobState.FAILED, [line.message for line in ended.lines.all()]
    assert pair.virsh == [["main.swept"], []]
    with connection.open_host(pair.labs[0].uri) as again:
        assert migrate.place(again, uuid) == Place.ON
    assert (pair.at, pair.row.seen, pair.row.wished) == ("one", Seen.RUNNING, Wished.ON)


def test_a_folder_that_is_not_shared_is_said_before_anything_begins(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LAB_FLAGS", 0)
    job = end_of(migrate_vm(SYSTEM, vm=pair.row, to="two"))
    assert job.state == JobState.FAILED
    assert job.error_message.startswith("Its disks must lie on storage that both hosts share")
    assert pair.places == (Place.ON, Place.ABSENT)


def test_a_stranger_of_this_name_on_the_target_is_said(pair: Pair) -> None:
    lifecycle.define(pair.hosts[1], diskless("main.swept"))
    job = end_of(migrate_vm(SYSTEM, vm=pair.row, to="two"))
    assert job.error_message == "two has a machine with the name or UUID of swept already."
    assert pair.virsh == [["main.swept"], ["main.swept"]]
    assert pair.places == (Place.ON, Place.ABSENT)


def test_the_screen_opens_on_its_new_host(pair: Pair) -> None:
    uuid = pair.uuid
    screen = open_screen(pair.hosts[0], uuid)
    assert screen.recv(3) == b"RFB"
    assert end_of(migrate_vm(SYSTEM, vm=pair.row, to="two")).state == JobState.DONE
    with screen:
        until(lambda: screen.recv(4096), lambda heard: not heard)
    with open_screen(pair.hosts[1], uuid) as screen:
        assert screen.recv(3) == b"RFB"
