"""Machines that leave a host and come to another by somebody's hand: the row follows, and says so."""

from uuid import UUID

import pytest

from tests.cast import Site, make_host, site
from tests.service.test_facts import domain
from vrabec.hypervisor.spec import DomainState, OffReason, Standing
from vrabec.inventory.rows import Rows
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import Conflict
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.models.xml import VmXml
from vrabec.services import vms
from vrabec.services.hosts import remove_host
from vrabec.services.vm_bulk import BulkAction, Selection, act_on_many
from vrabec.services.whereabouts import twins_of

__all__ = ["site"]


@pytest.fixture
def other(site: Site) -> Host:
    """A second host."""
    return make_host("kvm2")


def rows_of(*hosts: Host) -> list[Rows]:
    return [Rows(host.pk) for host in hosts]


def where(vm: Vm) -> tuple[str, bool]:
    """Its host's name, and whether it is there."""
    row = Vm.objects.select_related("host").get(pk=vm.pk)
    assert row.host
    return row.host.name, row.deleted_at is None


def test_a_machine_moved_by_hand_is_followed_with_all_that_hangs_on_it(site: Site, other: Host) -> None:
    here, there = rows_of(site.host, other)
    here.saw(str(site.vm.uuid), domain(site.vm))
    stray = there.saw(str(site.vm.uuid), domain(site.vm, xml="<domain>there</domain>"))
    assert stray != site.vm.pk
    here.saw(str(site.vm.uuid), None)
    assert where(site.vm) == ("kvm2", True)
    assert there.ids == {str(site.vm.uuid): site.vm.pk}
    row = Vm.objects.get(pk=site.vm.pk)
    assert (row.project, row.is_managed, row.wished, row.seen) == (
        site.project,
        True,
        Wished.ON,
        Seen.RUNNING,
    )
    assert VmXml.objects.get(vm=row).text == "<domain>there</domain>"
    assert not Vm.objects.present().filter(pk=stray).exists()
    line = Audit.objects.get(action="vm.follow")
    assert (line.subject_id, line.detail) == (site.vm.pk, {"before": "kvm1", "to": "kvm2"})


def test_one_that_left_first_comes_back_where_it_is_seen(site: Site, other: Host) -> None:
    here, there = rows_of(site.host, other)
    here.saw(str(site.vm.uuid), None)
    assert where(site.vm) == ("kvm1", False)
    found = domain(site.vm, state=DomainState.OFF, off_reason=OffReason.SHUTDOWN)
    assert there.saw(str(site.vm.uuid), found) == site.vm.pk
    assert where(site.vm) == ("kvm2", True)
    row = Vm.objects.get(pk=site.vm.pk)
    assert (row.name, row.project, row.wished) == ("web", site.project, Wished.OFF)
    assert Audit.objects.filter(action="vm.back", subject_id=row.pk).count() == 1


def test_one_made_anew_under_its_uuid_is_itself_again(site: Site) -> None:
    found = site.make_vm("old", is_managed=False, wished=Wished.NONE)
    [rows] = rows_of(site.host)
    rows.saw(str(found.uuid), None)
    again = Vm(name="new", domain_name="new name", uuid=found.uuid)
    assert rows.saw(str(found.uuid), domain(again)) == found.pk
    row = Vm.objects.get(pk=found.pk)
    assert (row.name, row.project, row.wished) == ("new name", site.project, Wished.NONE)


def test_one_that_we_deleted_does_not_come_back(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(deleted_at=site.vm.created_at)
    [rows] = rows_of(site.host)
    made = rows.saw(str(site.vm.uuid), domain(site.vm))
    assert made != site.vm.pk
    assert Vm.objects.get(pk=made).project is None


def test_one_whose_name_was_given_away_comes_as_a_found_one(site: Site) -> None:
    [rows] = rows_of(site.host)
    rows.saw(str(site.vm.uuid), None)
    site.make_vm(site.vm.name)
    made = rows.saw(str(site.vm.uuid), domain(site.vm))
    assert Vm.objects.get(pk=made).is_managed is False


def test_found_machines_keep_their_project_when_their_host_is_removed_and_added(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(is_managed=False)
    remove_host(SYSTEM, host=site.host)
    [rows] = rows_of(make_host("kvm1"))
    assert rows.saw(str(site.vm.uuid), domain(site.vm)) == site.vm.pk
    assert Vm.objects.get(pk=site.vm.pk).project == site.project


def test_what_was_given_to_somebody_else_is_not_taken_away(site: Site, other: Host) -> None:
    here, there = rows_of(site.host, other)
    theirs = there.saw(str(site.vm.uuid), domain(site.vm))
    Vm.objects.filter(pk=theirs).update(project=site.other)
    here.saw(str(site.vm.uuid), None)
    assert where(site.vm) == ("kvm1", False)
    assert Vm.objects.present().get(pk=theirs).project == site.other


def test_a_machine_that_runs_elsewhere_is_not_started_a_second_time(site: Site, other: Host) -> None:
    twin = site.make_vm("twin", uuid=site.vm.uuid, host=other, is_managed=False, seen=Seen.RUNNING)
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.OFF, wished=Wished.ON)
    vm = Vm.objects.select_related("host").get(pk=site.vm.pk)
    assert twins_of([vm]) == {vm.pk: [twin]}
    with pytest.raises(Conflict, match="web runs on another host"):
        vms.start_vm(site.owner.actor, vm=vm)
    [outcome] = act_on_many(
        site.owner.actor, selection=Selection(ids=(vm.pk,)), action=BulkAction(verb="start")
    )
    assert outcome.refusal
    lost_power = Standing(str(vm.uuid), DomainState.OFF, OffReason.FAILED, False, False)
    [rows] = rows_of(site.host)
    rows.saw(str(vm.uuid), domain(vm, state=DomainState.OFF, off_reason=OffReason.FAILED))
    rows.keep_wishes([lost_power])
    assert not Job.objects.exists()
    Host.objects.filter(pk=other.pk).update(state=HostState.UNREACHABLE)
    rows.keep_wishes([lost_power])
    assert Job.objects.get().kind == "vm.start", "what a silent host had is not known to run"


def test_twins_are_told_apart_by_their_uuid_alone(site: Site, other: Host) -> None:
    twin = site.make_vm("web", uuid=UUID(int=7), host=other, is_managed=False)
    assert twins_of([site.vm, twin]) == {site.vm.pk: [], twin.pk: []}
