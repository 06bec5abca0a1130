"""What a machine is, changed: every verb may be repeated, and what others wrote stays."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from tests.contract.conftest import POOL
from vrabec.hypervisor import domains, edits, lifecycle, storage, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import DomainState, VmSpec
from vrabec.lib.errors import Conflict, HostError, NotFound, WrongState

FOREIGN = "<site:rack xmlns:site='https://example.org/rack'>B <b/>7<!-- by hand --></site:rack>"


def add_foreign(root: etree._Element) -> None:
    metadata = root.find("metadata")
    assert metadata is not None
    metadata.append(etree.fromstring(FOREIGN))


def facts(host: HostConnection, spec: VmSpec) -> domains.DomainFacts:
    found = domains.facts(host, spec.uuid)
    assert found is not None
    return found


def test_a_machine_is_renamed_twice_and_back(host: HostConnection, machine: VmSpec) -> None:
    before = lifecycle.dump_xml(host, machine.uuid)
    edits.rename(host, machine.uuid, "contract.renamed")
    edits.rename(host, machine.uuid, "contract.renamed")
    assert facts(host, machine).name == "contract.renamed"
    edits.rename(host, machine.uuid, machine.name)
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) == xml.canonical(before)


def test_a_renamed_machine_finds_its_disk_and_starts(host: HostConnection, machine: VmSpec) -> None:
    edits.rename(host, machine.uuid, "contract.renamed")
    lifecycle.start(host, machine.uuid)
    assert facts(host, machine).state is DomainState.RUNNING


def test_a_name_that_another_machine_has_is_a_conflict(
    host: HostConnection, machine: VmSpec, new_spec: Callable[[], VmSpec]
) -> None:
    other = new_spec()
    lifecycle.define(host, xml.domain_xml(other))
    with pytest.raises(Conflict):
        edits.rename(host, machine.uuid, other.name)
    assert facts(host, machine).name == machine.name


def test_a_running_machine_keeps_its_name(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    with pytest.raises(WrongState):
        edits.rename(host, machine.uuid, "contract.renamed")
    assert facts(host, machine).name == machine.name


def test_a_title_is_written_and_what_others_wrote_stays(host: HostConnection, machine: VmSpec) -> None:
    edits.redefine(host, machine.uuid, add_foreign)
    before = lifecycle.dump_xml(host, machine.uuid)
    edits.redefine(host, machine.uuid, edits.retitle("", "web <1> & co"))
    edits.redefine(host, machine.uuid, edits.retitle("", "web <1> & co"))
    after = lifecycle.dump_xml(host, machine.uuid)
    assert facts(host, machine).title == "web <1> & co"
    assert "by hand" in after
    title = after[after.index("  <title>") : after.index("</title>") + 9]
    assert xml.canonical(after.replace(title, "")) == xml.canonical(before)


def test_a_title_of_somebody_elses_stays(host: HostConnection, machine: VmSpec) -> None:
    edits.redefine(host, machine.uuid, edits.retitle("", "theirs"))
    edits.redefine(host, machine.uuid, edits.retitle("web", "db"))
    assert facts(host, machine).title == "theirs"


def test_what_the_host_would_add_by_itself_is_not_kept(host: HostConnection, machine: VmSpec) -> None:
    before = lifecycle.dump_xml(host, machine.uuid)

    def more_than_meant(root: etree._Element) -> None:
        devices = root.find("devices")
        assert devices is not None
        devices.append(etree.fromstring("<interface type='network'><source network='default'/></interface>"))

    with pytest.raises(HostError, match="change more of"):
        edits.redefine(host, machine.uuid, more_than_meant)
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) == xml.canonical(before)


def test_cpus_and_memory_are_for_the_next_start(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    edits.redefine(host, machine.uuid, edits.resize(cpus=2, memory_mib=48))
    edits.redefine(host, machine.uuid, edits.resize(cpus=2, memory_mib=48))
    running = facts(host, machine)
    assert (running.cpus, running.memory_mib) == (1, 32)
    assert (running.defined_cpus, running.defined_memory_mib) == (2, 48)
    lifecycle.destroy(host, machine.uuid)
    off = facts(host, machine)
    assert (off.cpus, off.memory_mib, off.defined_cpus, off.defined_memory_mib) == (2, 48, 2, 48)


def test_sizes_are_put_back_as_they_were(host: HostConnection, machine: VmSpec) -> None:
    edits.redefine(host, machine.uuid, half_plugged_in)
    before = lifecycle.dump_xml(host, machine.uuid)
    old = edits.sizes(host, machine.uuid)
    edits.redefine(host, machine.uuid, edits.resize(cpus=3, memory_mib=64))
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) != xml.canonical(before)
    edits.redefine(host, machine.uuid, edits.restore(old))
    assert xml.canonical(lifecycle.dump_xml(host, machine.uuid)) == xml.canonical(before)


def half_plugged_in(root: etree._Element) -> None:
    vcpu, current = root.find("vcpu"), root.find("currentMemory")
    assert vcpu is not None
    assert current is not None
    vcpu.text, current.text = "4", str(16 * 1024)
    vcpu.set("current", "2")


def test_cpus_that_somebody_laid_out_are_left_to_them(host: HostConnection, machine: VmSpec) -> None:
    def in_sockets(root: etree._Element) -> None:
        cpu = root.find("cpu")
        assert cpu is not None
        etree.SubElement(cpu, "topology", sockets="1", dies="1", cores="1", threads="1")

    with host.calling() as raw:  # by hand, indeed: newer libvirt adds clusters to what is written here
        raw.defineXML(edits.changed(raw.lookupByUUIDString(machine.uuid).XMLDesc(), in_sockets))
    with pytest.raises(HostError, match="<topology>, written by hand"):
        edits.redefine(host, machine.uuid, edits.resize(cpus=2))
    assert facts(host, machine).defined_cpus == 1


def test_a_disk_grows_off_and_running_and_never_shrinks(host: HostConnection, machine: VmSpec) -> None:
    name = Path(machine.disk_path).name
    assert storage.grow(host, POOL, name, 80).capacity_mib == 80
    lifecycle.start(host, machine.uuid)
    edits.grow_running_disk(host, machine.uuid, machine.disk_path, 96)
    edits.grow_running_disk(host, machine.uuid, machine.disk_path, 70)
    lifecycle.destroy(host, machine.uuid)
    assert storage.grow(host, POOL, name, 70).capacity_mib == 96


def test_a_disk_that_is_not_there_is_named(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(NotFound, match=r"no volume nothing\.qcow2"):
        storage.grow(host, POOL, "nothing.qcow2", 80)
