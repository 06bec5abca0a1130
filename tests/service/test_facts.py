"""Facts from hosts on their way into the rows, and what is shown of them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, make_host, site
from vrabec.hypervisor.spec import DomainFacts, DomainState, Known, OffReason, Standing
from vrabec.inventory.rows import Looked, Rows, see
from vrabec.lib import clock
from vrabec.models.audit import Audit
from vrabec.models.hosts import HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.models.xml import VmXml
from vrabec.services import facts, states, vms, whereabouts

__all__ = ["site"]


def domain(vm: Vm, state: DomainState = DomainState.RUNNING, **changes: object) -> DomainFacts:
    """What a host says of `vm`, but for `changes`."""
    values: dict[str, object] = {
        "uuid": str(vm.uuid),
        "name": vm.domain_name,
        "title": vm.name,
        "state": state,
        "off_reason": None if state == DomainState.RUNNING else OffReason.UNKNOWN,
        "is_persistent": True,
        "defined_cpus": vm.cpus,
        "defined_memory_mib": vm.memory_mib,
        "cpus": vm.cpus,
        "memory_mib": vm.memory_mib,
        "disks": (),
        "macs": (),
        "networks": ("default",),
        "domain_type": "qemu",
        "has_agent_channel": True,
        "agent_connected": False,
        "vrabec_id": vm.pk,
        "controller": "",
        "autostart": False,
    }
    return DomainFacts(**(values | changes))  # type: ignore[arg-type]


def test_only_what_changed_is_written(site: Site) -> None:
    assert facts.write_vm(site.vm.pk, Seen.RUNNING)
    version = Vm.objects.get(pk=site.vm.pk).version
    assert not facts.write_vm(site.vm.pk, Seen.RUNNING)
    assert Vm.objects.get(pk=site.vm.pk).version == version == 2


def test_a_row_follows_its_machine_to_another_host(site: Site) -> None:
    other = make_host("kvm2")
    Vm.objects.create(host=other, uuid=site.vm.uuid, name="stray", domain_name="stray", is_managed=False)
    facts.vm_moved(site.vm.pk, other.pk, is_ready=True)
    (row,) = Vm.objects.present().filter(uuid=site.vm.uuid)
    assert (row.pk, row.host, row.is_ready) == (site.vm.pk, other, True)


def test_the_xml_of_ours_and_of_others_is_kept(site: Site) -> None:
    rows = Rows(site.host.pk)
    rows.saw(str(site.vm.uuid), domain(site.vm, xml="<domain>1</domain>"))
    assert VmXml.objects.get(vm=site.vm).text == "<domain>1</domain>"
    found = domain(site.vm, uuid=str(uuid4()), name="found", xml="<domain>2</domain>")
    pk = rows.saw(found.uuid, found)
    assert VmXml.objects.get(vm_id=pk).text == "<domain>2</domain>"


def test_where_the_state_alone_is_new_nothing_else_is_written(site: Site) -> None:
    rows = Rows(site.host.pk)
    rows.saw(str(site.vm.uuid), domain(site.vm, xml="<domain>1</domain>"))
    before = Vm.objects.get(pk=site.vm.pk)
    rows.saw_all({str(site.vm.uuid): DomainState.PAUSED, str(uuid4()): DomainState.RUNNING})
    after = Vm.objects.get(pk=site.vm.pk)
    assert (after.seen, after.version) == (Seen.PAUSED, before.version + 1)
    assert after.state_since > before.state_since
    assert VmXml.objects.get(vm=site.vm).text == "<domain>1</domain>"
    assert not Vm.objects.exclude(pk=site.vm.pk).filter(host=site.host).exists()


def test_a_look_from_before_a_job_changed_the_state_does_not_take_it_back(site: Site) -> None:
    rows, uuid = Rows(site.host.pk), str(site.vm.uuid)
    asked_at = clock.now()
    facts.write_vm(site.vm.pk, Seen.PAUSED)
    found = domain(site.vm, cpus=4)
    see([Looked(rows, {uuid: DomainState.RUNNING}, asked_at), Looked(rows, {uuid: found}, asked_at)])
    vm = Vm.objects.get(pk=site.vm.pk)
    assert (vm.seen, vm.cpus) == (Seen.PAUSED, 4)
    see([Looked(rows, {uuid: DomainState.RUNNING}, clock.now())])
    assert Vm.objects.get(pk=site.vm.pk).seen == Seen.RUNNING


def test_a_machine_that_was_made_after_its_host_was_asked_is_not_missed(site: Site) -> None:
    rows, gone = Rows(site.host.pk), {str(site.vm.uuid): None}
    asked_at = clock.now()
    facts.write_vm(site.vm.pk, Seen.RUNNING)
    see([Looked(rows, gone, asked_at)])
    assert Vm.objects.present().filter(pk=site.vm.pk).exists()
    see([Looked(rows, gone, clock.now())])
    assert not Vm.objects.present().filter(pk=site.vm.pk).exists()


def test_a_clock_that_was_set_back_keeps_no_state(site: Site) -> None:
    rows = Rows(site.host.pk)
    facts.write_vm(site.vm.pk, Seen.PAUSED, state_since=clock.now() + timedelta(hours=1))
    rows.saw(str(site.vm.uuid), domain(site.vm))
    assert Vm.objects.get(pk=site.vm.pk).seen == Seen.RUNNING


def test_many_machines_cost_as_many_statements_as_one(site: Site) -> None:
    rows = Rows(site.host.pk)

    def statements(found: list[DomainFacts]) -> int:
        with CaptureQueriesContext(connection) as made:
            rows.saw_all({one.uuid: one for one in found})
        return len(made)

    vms = [site.make_vm(f"vm-{number}") for number in range(30)]
    few = statements([domain(site.vm, xml="<one/>")])
    assert statements([domain(vm, xml="<one/>") for vm in vms]) == few
    assert Vm.objects.filter(seen=Seen.RUNNING, version=2).count() == 31
    foreign = [Vm(name=f"old-{number}", domain_name="old", cpus=1, memory_mib=64) for number in range(21)]
    few = statements([domain(foreign[0], xml="<one/>")])
    assert statements([domain(vm, xml="<one/>") for vm in foreign[1:]]) == few
    assert VmXml.objects.count() == 52


def test_what_others_wrote_meanwhile_is_not_taken_for_unchanged(site: Site) -> None:
    rows = Rows(site.host.pk)
    others = [site.make_vm(name) for name in ("marked", "deleted")]
    found = [domain(vm, digest="1") for vm in (site.vm, *others)]
    rows.saw_all({one.uuid: one for one in found})

    def same() -> set[str]:
        known = rows.known()
        return {one.uuid for one in found if known.get(one.uuid) == Known(one.digest, one.state, False)}

    assert same() == {one.uuid for one in found}
    facts.write_vm(others[0].pk, Seen.OFF)
    whereabouts.left(others[1].pk)
    assert same() == {str(site.vm.uuid)}


def test_a_machine_whose_agent_went_is_not_ready_any_more(site: Site) -> None:
    facts.write_vm(site.vm.pk, Seen.RUNNING, is_ready=True)
    Rows(site.host.pk).saw(str(site.vm.uuid), domain(site.vm, agent_connected=True))
    assert Vm.objects.get(pk=site.vm.pk).is_ready
    Rows(site.host.pk).saw(str(site.vm.uuid), domain(site.vm))
    assert not Vm.objects.get(pk=site.vm.pk).is_ready


def test_a_machine_that_stops_is_not_ready_any_more(site: Site) -> None:
    facts.write_vm(site.vm.pk, Seen.RUNNING, is_ready=True)
    facts.write_vm(site.vm.pk, Seen.OFF)
    assert not Vm.objects.get(pk=site.vm.pk).is_ready


def test_a_machine_nobody_registered_is_shown_and_not_touched(site: Site) -> None:
    foreign = Vm(name="old", domain_name="old server", cpus=2, memory_mib=512)
    vm_id = Rows(site.host.pk).saw(str(foreign.uuid), domain(foreign))
    row = Vm.objects.get(pk=vm_id)
    assert (row.name, row.is_managed, row.wished, row.project_id) == ("old server", False, Wished.NONE, None)
    assert Vm.objects.visible_to(site.owner.actor).filter(pk=vm_id).count() == 0
    assert not Job.objects.exists()


def test_a_machine_deleted_on_its_host_keeps_a_tombstone_and_a_line(site: Site) -> None:
    Rows(site.host.pk).saw(str(site.vm.uuid), None)
    assert Vm.objects.get(pk=site.vm.pk).deleted_at
    assert Audit.objects.get(action="vm.gone").subject == "web"


def test_a_machine_that_is_just_being_made_is_not_missed(site: Site) -> None:
    vms.create_vm(site.owner.actor, wish=site.wish())
    rows = Rows(site.host.pk)
    rows.saw_all(dict.fromkeys(rows.known().keys() - {str(site.vm.uuid)}))
    assert Vm.objects.present().count() == 2


@pytest.mark.parametrize(
    ("detail", "wished"),
    [
        ("shutdown", Wished.OFF),
        ("destroyed", Wished.OFF),
        ("saved", Wished.OFF),
        ("failed", Wished.ON),
        ("crashed", Wished.ON),
    ],
)
def test_a_shutdown_from_inside_is_a_wish_and_a_crash_is_none(
    site: Site, detail: str, wished: Wished
) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(wished=Wished.ON)
    rows = Rows(site.host.pk)
    rows.saw(str(site.vm.uuid), domain(site.vm))
    rows.stopped(str(site.vm.uuid), detail)
    assert Vm.objects.get(pk=site.vm.pk).wished == wished


def test_after_a_host_reboot_what_should_run_is_started_again(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(wished=Wished.ON)
    rows = Rows(site.host.pk)
    found = domain(site.vm, DomainState.OFF)
    rows.saw(found.uuid, found)
    rows.keep_wishes([Standing.of(found)])
    rows.keep_wishes([Standing.of(found)])
    assert Job.objects.get().kind == "vm.start"
    assert Audit.objects.get(action="vm.keep").actor == "vrabec"


def test_what_was_shut_down_while_nobody_looked_stays_off(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(wished=Wished.ON)
    rows = Rows(site.host.pk)
    found = domain(site.vm, DomainState.OFF, off_reason=OffReason.SHUTDOWN)
    rows.saw(found.uuid, found)
    rows.keep_wishes([Standing.of(found)])
    assert not Job.objects.exists()
    assert Vm.objects.get(pk=site.vm.pk).wished == Wished.OFF


def test_a_machine_saved_while_nobody_looked_is_not_woken(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(wished=Wished.ON)
    rows = Rows(site.host.pk)
    found = domain(site.vm, DomainState.HIBERNATED)
    rows.saw(found.uuid, found)
    rows.keep_wishes([Standing.of(found)])
    vm = Vm.objects.get(pk=site.vm.pk)
    assert (vm.seen, vm.wished) == (Seen.HIBERNATED, Wished.OFF)
    assert states.shown_vm(vm, None, site.host).key == "hibernated"
    assert not Job.objects.exists()


def test_a_guest_that_restarts_is_starting_again(site: Site) -> None:
    before = clock.now() - timedelta(hours=1)
    Vm.objects.filter(pk=site.vm.pk).update(
        seen=Seen.RUNNING, is_ready=True, has_agent=True, state_since=before
    )
    rows = Rows(site.host.pk)
    rows.saw(str(site.vm.uuid), domain(site.vm))
    rows.restarted(str(site.vm.uuid))
    assert states.shown_vm(Vm.objects.get(pk=site.vm.pk), None, site.host).label == "Starting"


def test_autostart_is_forbidden_to_managed_machines_alone_and_once(site: Site) -> None:
    foreign = Vm(name="old", domain_name="old", cpus=1, memory_mib=64)
    rows = Rows(site.host.pk)
    for vm in (foreign, site.vm, site.vm):
        found = domain(vm, DomainState.OFF, autostart=True)
        rows.saw(found.uuid, found)
        rows.check_autostart(Standing.of(found))
    assert [(job.kind, job.vm_id) for job in Job.objects.all()] == [("vm.autostart_off", site.vm.pk)]
    assert states.starts_with_host(Vm.objects.get(name="old"))
    assert not states.starts_with_host(Vm.objects.get(pk=site.vm.pk))


def test_a_host_that_cannot_forbid_autostart_is_not_asked_again_and_again(site: Site) -> None:
    job = vms.forbid_autostart(site.vm.pk)
    assert job
    Job.objects.filter(pk=job.pk).update(state="failed")
    assert vms.forbid_autostart(site.vm.pk) is None


def test_a_machine_of_a_silent_host_is_unknown(site: Site) -> None:
    facts.write_host(site.host.pk, HostState.UNREACHABLE, reason="It does not answer.")
    vm = Vm.objects.select_related("host").get(pk=site.vm.pk)
    assert states.shown_vm(vm, None, vm.host).key == "unknown"


def test_a_guest_with_an_agent_is_starting_until_it_answers_or_time_is_up(site: Site) -> None:
    vm = site.vm
    vm.seen, vm.has_agent, vm.state_since = Seen.RUNNING, True, clock.now()
    assert states.shown_vm(vm, None, site.host).label == "Starting"
    vm.is_ready = True
    assert states.shown_vm(vm, None, site.host).label == "Running"
    vm.is_ready, vm.state_since = False, clock.now() - timedelta(minutes=6)
    assert states.shown_vm(vm, None, site.host).label == "Running"


def test_an_active_job_shows_as_change_with_its_percentage(site: Site) -> None:
    job = vms.start_vm(site.owner.actor, vm=site.vm)
    job.percent = 40
    shown = states.shown_vm(site.vm, job, site.host)
    assert (shown.key, shown.label, shown.percent) == ("changing", "Starting", 40)


def test_what_the_next_start_gives_is_kept_beside_what_runs(site: Site) -> None:
    rows = Rows(site.host.pk)
    rows.saw(str(site.vm.uuid), domain(site.vm, defined_cpus=4))
    vm = Vm.objects.get(pk=site.vm.pk)
    assert (vm.cpus, vm.next_cpus, vm.next_memory_mib) == (1, 4, None)
    rows.saw(str(site.vm.uuid), domain(site.vm, cpus=4, defined_cpus=4))
    vm = Vm.objects.get(pk=site.vm.pk)
    assert (vm.cpus, vm.next_cpus) == (4, None)
