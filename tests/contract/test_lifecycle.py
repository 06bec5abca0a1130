"""Machines: every verb may be repeated, and says what was in its way."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import libvirt
import pytest

from tests.contract.conftest import Site
from tests.contract.waiting import until
from tests.lab import LabHost
from vrabec.hypervisor import domains, events, lifecycle, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import FileMissing
from vrabec.hypervisor.spec import DomainFacts, DomainState, Known, OffReason, Standing, VmSpec
from vrabec.lib.errors import Conflict, HostError, NotFound, WrongState

PASSWORD = "geheim99"


def seen(host: HostConnection, spec: VmSpec) -> DomainFacts:
    found = domains.facts(host, spec.uuid)
    assert found is not None
    return found


def test_a_machine_is_on_the_host_as_specified(host: HostConnection, machine: VmSpec) -> None:
    found = seen(host, machine)
    assert (found.uuid, found.name) == (machine.uuid, machine.name)
    assert (found.cpus, found.memory_mib, found.domain_type) == (1, 32, machine.domain_type)
    assert (found.macs, found.networks) == ((machine.mac,), ("default",))
    assert [disk.path for disk in found.disks] == [machine.disk_path]
    assert (found.vrabec_id, found.is_persistent, found.state) == (7, True, DomainState.OFF)
    assert (found.has_agent_channel, found.agent_connected) == (True, False)


def test_a_definition_may_be_repeated(host: HostConnection, machine: VmSpec) -> None:
    before = seen(host, machine)
    lifecycle.define(host, xml.domain_xml(machine))
    assert seen(host, machine) == before


def test_a_name_of_another_machine_is_a_conflict(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(Conflict, match="name or UUID"):
        lifecycle.define(host, xml.domain_xml(replace(machine, uuid=str(uuid4()))))


def test_a_uuid_of_another_machine_is_a_conflict(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(Conflict, match="name or UUID"):
        lifecycle.define(host, xml.domain_xml(replace(machine, name="contract.other")))


@pytest.mark.parametrize("title", ["<b>&amp;\"'", "]]><x/>", "a\nb\0c", "\ud800", "🐦", "x" * 5000, "\u202e"])
def test_a_hostile_title_is_only_a_title(host: HostConnection, machine: VmSpec, title: str) -> None:
    before = seen(host, machine)
    lifecycle.define(host, xml.domain_xml(replace(machine, title=title)))
    after = seen(host, machine)
    assert after.title == xml.plain(title)
    assert replace(after, title="") == before


@pytest.mark.parametrize("name", ["a/b", "a\nb", ""])
def test_a_name_that_libvirt_refuses_is_the_hosts_error(
    host: HostConnection, machine: VmSpec, name: str
) -> None:
    with pytest.raises(HostError):
        lifecycle.define(host, xml.domain_xml(replace(machine, name=name, uuid=str(uuid4()))))


def test_the_schema_of_libvirt_accepts_what_we_write(host: HostConnection, machine: VmSpec) -> None:
    full = replace(machine, title="t", seed_path="/x.iso", project="lab", controller=str(uuid4()))
    with host.calling() as raw:
        raw.defineXMLFlags(xml.domain_xml(full), libvirt.VIR_DOMAIN_DEFINE_VALIDATE)


def test_a_machine_starts_once(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.start(host, machine.uuid)
    assert seen(host, machine).state is DomainState.RUNNING
    assert seen(host, machine).off_reason is None


def test_a_start_does_not_change_the_definition(host: HostConnection, machine: VmSpec) -> None:
    before = xml.canonical(lifecycle.dump_xml(host, machine.uuid))
    lifecycle.start(host, machine.uuid)
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) == before


def test_what_is_shown_of_a_machine_is_live_and_without_its_passwords(
    host: HostConnection, machine: VmSpec
) -> None:
    with host.calling() as raw:
        plain = raw.lookupByUUIDString(machine.uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        raw.defineXML(plain.replace("<graphics ", f"<graphics passwd='{PASSWORD}' ", 1))
    assert PASSWORD in lifecycle.dump_xml(host, machine.uuid)
    lifecycle.start(host, machine.uuid)
    shown = seen(host, machine).xml
    assert "<domain type=" in shown
    assert " id='" in shown.partition(">")[0]
    assert "<graphics type='vnc'" in shown
    assert PASSWORD not in shown


def test_a_machine_that_is_not_there_cannot_start(host: HostConnection) -> None:
    with pytest.raises(NotFound, match="not on the host"):
        lifecycle.start(host, str(uuid4()))


def test_the_state_alone_is_told(host: HostConnection, machine: VmSpec) -> None:
    assert domains.state_of(host, machine.uuid) is DomainState.OFF
    lifecycle.start(host, machine.uuid)
    assert domains.state_of(host, machine.uuid) is DomainState.RUNNING
    lifecycle.pause(host, machine.uuid)
    assert domains.state_of(host, machine.uuid) is DomainState.PAUSED
    assert domains.state_of(host, str(uuid4())) is None


def test_a_paused_machine_is_resumed_not_started(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.pause(host, machine.uuid)
    lifecycle.pause(host, machine.uuid)
    assert seen(host, machine).state is DomainState.PAUSED
    with pytest.raises(WrongState, match="resume"):
        lifecycle.start(host, machine.uuid)
    with pytest.raises(WrongState, match="resume"):
        lifecycle.shutdown(host, machine.uuid)
    lifecycle.resume(host, machine.uuid)
    lifecycle.resume(host, machine.uuid)
    assert seen(host, machine).state is DomainState.RUNNING


def test_a_machine_is_switched_off_twice(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.destroy(host, machine.uuid)
    lifecycle.destroy(host, machine.uuid)
    assert seen(host, machine).state is DomainState.OFF
    assert seen(host, machine).off_reason is OffReason.DESTROYED


def test_a_machine_that_is_off_may_be_asked_to_shut_down(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.shutdown(host, machine.uuid)
    assert seen(host, machine).state is DomainState.OFF


def test_asking_to_shut_down_does_not_wait(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.shutdown(host, machine.uuid)
    lifecycle.shutdown(host, machine.uuid)


@pytest.mark.parametrize("verb", [lifecycle.pause, lifecycle.resume, lifecycle.reset, lifecycle.reboot])
def test_a_machine_that_is_off_is_neither_paused_nor_restarted(
    host: HostConnection, machine: VmSpec, verb: Callable[[HostConnection, str], None]
) -> None:
    with pytest.raises(WrongState):
        verb(host, machine.uuid)
    assert seen(host, machine).state is DomainState.OFF


@pytest.mark.parametrize("verb", [lifecycle.pause, lifecycle.resume, lifecycle.reset, lifecycle.reboot])
def test_a_machine_that_is_not_there_is_neither_paused_nor_restarted(
    host: HostConnection, verb: Callable[[HostConnection, str], None]
) -> None:
    with pytest.raises(NotFound):
        verb(host, str(uuid4()))


def test_asking_to_restart_leaves_a_machine_running(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.reboot(host, machine.uuid)
    lifecycle.reboot(host, machine.uuid)
    assert seen(host, machine).state is DomainState.RUNNING


def test_a_reset_restarts_and_is_told(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    with events.restarts(host, machine.uuid) as restarted:
        lifecycle.reset(host, machine.uuid)
        assert restarted.wait(10)
    assert seen(host, machine).state is DomainState.RUNNING


def test_what_is_not_there_is_switched_off_and_forgotten(host: HostConnection) -> None:
    nobody = str(uuid4())
    lifecycle.destroy(host, nobody)
    lifecycle.undefine(host, nobody)
    assert domains.facts(host, nobody) is None


def test_a_machine_is_forgotten_twice(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.undefine(host, machine.uuid)
    lifecycle.undefine(host, machine.uuid)
    assert domains.facts(host, machine.uuid) is None


def test_a_machine_forgotten_while_it_runs_is_gone_once_off(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.undefine(host, machine.uuid)
    lifecycle.undefine(host, machine.uuid)
    assert not seen(host, machine).is_persistent
    lifecycle.destroy(host, machine.uuid)
    assert domains.facts(host, machine.uuid) is None


def test_a_hibernated_machine_wakes_where_it_was(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.hibernate(host, machine.uuid)
    lifecycle.hibernate(host, machine.uuid)
    assert seen(host, machine).state is DomainState.HIBERNATED
    assert seen(host, machine) in list(domains.all_facts(host))
    lifecycle.start(host, machine.uuid)
    assert seen(host, machine).state is DomainState.RUNNING


def test_saved_memory_is_dropped_twice(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    lifecycle.hibernate(host, machine.uuid)
    lifecycle.drop_saved_memory(host, machine.uuid)
    lifecycle.drop_saved_memory(host, machine.uuid)
    assert seen(host, machine).state is DomainState.OFF


def test_a_machine_that_is_off_cannot_hibernate(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(WrongState):
        lifecycle.hibernate(host, machine.uuid)
    lifecycle.drop_saved_memory(host, str(uuid4()))


def test_keys_are_pressed(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(WrongState):
        lifecycle.press(host, machine.uuid, [29])
    lifecycle.start(host, machine.uuid)
    lifecycle.press(host, machine.uuid, [29, 56, 111])


def test_a_defined_machine_is_not_started_by_libvirt_itself(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.set_autostart(host, machine.uuid, on=True)
    assert seen(host, machine).autostart
    lifecycle.define(host, xml.domain_xml(machine))
    assert not seen(host, machine).autostart


def test_nvram_and_saved_memory_go_with_the_definition(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    with host.calling() as raw:
        raw.lookupByUUIDString(machine.uuid).managedSave()
    assert seen(host, machine).off_reason is OffReason.SAVED
    lifecycle.undefine(host, machine.uuid)
    assert domains.facts(host, machine.uuid) is None


def test_snapshots_go_with_the_definition(host: HostConnection, machine: VmSpec) -> None:
    with host.calling() as raw:
        raw.lookupByUUIDString(machine.uuid).snapshotCreateXML("<domainsnapshot/>")
    lifecycle.undefine(host, machine.uuid)
    assert domains.facts(host, machine.uuid) is None


def test_all_machines_are_listed(host: HostConnection, new_spec: Callable[[], VmSpec]) -> None:
    specs = [new_spec() for _ in range(3)]
    for spec in specs:
        lifecycle.define(host, xml.domain_xml(spec))
    listed = {found.uuid: found for found in domains.all_facts(host)}
    assert {spec.uuid for spec in specs} <= set(listed)
    assert listed[specs[0].uuid] == seen(host, specs[0])


def test_a_look_tells_what_changed_since_the_one_before(
    host: HostConnection, new_spec: Callable[[], VmSpec]
) -> None:
    same, changed, started = [new_spec() for _ in range(3)]
    for spec in (same, changed, started):
        lifecycle.define(host, xml.domain_xml(spec))
    before = {found.uuid: found for found in domains.all_facts(host)}
    known = {uuid: Known(one.digest, one.state, one.agent_connected) for uuid, one in before.items()}
    lifecycle.define(host, xml.domain_xml(replace(changed, cpus=changed.cpus + 1)))
    lifecycle.start(host, started.uuid)
    looks = {found.uuid: found for found in domains.looks(host, known)}
    read = {uuid: found for uuid, found in looks.items() if isinstance(found, DomainFacts)}
    assert read == {spec.uuid: seen(host, spec) for spec in (changed, started)}
    assert {found.digest for found in read.values()} == {
        seen(host, spec).digest for spec in (changed, started)
    }
    assert looks[same.uuid] == Standing.of(before[same.uuid])
    known[same.uuid] = replace(known[same.uuid], state="running")  # as somebody else wrote meanwhile
    assert before[same.uuid] in domains.looks(host, known)


def test_a_machine_that_goes_while_all_are_listed_is_left_out(
    host: HostConnection, new_spec: Callable[[], VmSpec]
) -> None:
    specs = [new_spec() for _ in range(3)]
    for spec in specs:
        lifecycle.define(host, xml.domain_xml(spec))
    listing = domains.all_facts(host)
    first = next(listing).uuid
    for spec in specs:
        lifecycle.undefine(host, spec.uuid)
    assert {found.uuid for found in listing}.isdisjoint({spec.uuid for spec in specs} - {first})


def test_the_dump_is_what_starts_next(host: HostConnection, machine: VmSpec) -> None:
    off = lifecycle.dump_xml(host, machine.uuid)
    lifecycle.start(host, machine.uuid)
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) == xml.canonical(off)


def test_a_missing_disk_is_named(host: HostConnection, machine: VmSpec) -> None:
    Path(machine.disk_path).unlink()
    with pytest.raises(FileMissing, match=machine.disk_path):
        lifecycle.start(host, machine.uuid)
    assert seen(host, machine).off_reason is OffReason.FAILED


def test_a_missing_seed_is_named(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.define(host, xml.domain_xml(replace(machine, seed_path="/nowhere/seed.iso")))
    with pytest.raises(FileMissing, match=r"/nowhere/seed\.iso"):
        lifecycle.start(host, machine.uuid)


def test_a_network_that_is_not_active_is_named(host: HostConnection, machine: VmSpec) -> None:
    with host.calling() as raw:
        network = raw.networkDefineXML("<network><name>asleep</name><bridge name='virbr77'/></network>")
    try:
        lifecycle.define(host, xml.domain_xml(replace(machine, network="asleep")))
        with pytest.raises(HostError, match="asleep is not active"):
            lifecycle.start(host, machine.uuid)
    finally:
        network.undefine()


def test_a_machine_whose_qemu_died_has_crashed(site: Site, host: HostConnection, machine: VmSpec) -> None:
    assert isinstance(site.host, LabHost)
    lifecycle.start(host, machine.uuid)
    for pid in site.host.guest_pids():
        if machine.name in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    until(lambda: seen(host, machine).state is not DomainState.RUNNING)
    assert seen(host, machine).state is DomainState.CRASHED
    assert seen(host, machine).off_reason is OffReason.CRASHED
    lifecycle.start(host, machine.uuid)
