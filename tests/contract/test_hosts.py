"""What a host says of itself and of its machines: facts, events, counters, addresses, KVM."""

import queue
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.contract.conftest import Site
from tests.lab import LabHost
from vrabec.hypervisor import agent, connection, domains, events, facts, lifecycle, probe, stats, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import Event, EventKind, VmSpec
from vrabec.lib.errors import NotFound


def test_a_host_tells_what_it_is(site: Site, host: HostConnection) -> None:
    found = facts.host_facts(host)
    assert found.cpus > 0
    assert found.memory_mib > 0
    assert found.hypervisor == site.domain_type.upper()
    assert found.libvirt_version.count(".") == 2
    assert site.domain_type in found.domain_types
    assert found.networks == ("default",)
    if isinstance(site.host, LabHost):
        assert (found.hostname, found.host_uuid) == (site.host.name, str(site.host.uuid))


def test_a_machines_life_is_told(host: HostConnection, machine: VmSpec) -> None:
    heard: queue.Queue[Event] = queue.Queue()
    stop = events.watch(host, heard.put)
    lifecycle.define(host, xml.domain_xml(machine))
    lifecycle.start(host, machine.uuid)
    lifecycle.destroy(host, machine.uuid)
    lifecycle.undefine(host, machine.uuid)
    told = []
    while "undefined" not in told:
        event = heard.get(timeout=5)
        assert (event.uuid, event.name) == (machine.uuid, machine.name)
        told += [event.what] if event.kind is EventKind.LIFECYCLE else []
    by_qemu_alone = ("resumed", "shutdown")
    assert [what for what in told if what not in by_qemu_alone] == [
        "defined",
        "started",
        "stopped",
        "undefined",
    ]
    stop()


def test_nothing_is_told_after_the_end_of_watching(host: HostConnection, machine: VmSpec) -> None:
    heard: queue.Queue[Event] = queue.Queue()
    stop = events.watch(host, heard.put)
    lifecycle.start(host, machine.uuid)
    stop()
    stop()
    while not heard.empty():
        heard.get()
    lifecycle.destroy(host, machine.uuid)
    lifecycle.undefine(host, machine.uuid)
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.3)


def test_counters_are_of_the_running_machines(host: HostConnection, machine: VmSpec) -> None:
    assert machine.uuid not in {sample.uuid for sample in stats.samples(host)}
    lifecycle.start(host, machine.uuid)
    assert machine.uuid in {sample.uuid for sample in stats.samples(host, 1)}


def test_a_sample_counts_what_a_machine_uses(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    sample = next(sample for sample in stats.samples(host) if sample.uuid == machine.uuid)
    assert sample.cpu_time_ns > 0
    assert (sample.cpus, sample.memory_mib) == (1, 32)
    assert 0 < sample.memory_used_mib <= 32


def test_a_machine_without_an_agent_says_nothing(host: HostConnection, machine: VmSpec) -> None:
    assert not agent.ping(host, machine.uuid)
    lifecycle.start(host, machine.uuid)
    assert not agent.ping(host, machine.uuid)
    assert agent.addresses(host, machine.uuid) == ()
    lifecycle.destroy(host, machine.uuid)
    lifecycle.define(host, xml.domain_xml(replace(machine, has_agent=False)))
    lifecycle.start(host, machine.uuid)
    assert not agent.ping(host, machine.uuid)
    assert agent.addresses(host, machine.uuid) == ()


def test_nobodys_addresses_are_not_found(host: HostConnection) -> None:
    for ask in (agent.ping, agent.addresses, agent.lease_addresses):
        with pytest.raises(NotFound):
            ask(host, str(uuid4()))


def test_addresses_that_a_person_can_use_come_first() -> None:
    def seen(*addresses: str) -> dict[str, object]:
        return {"hwaddr": "", "addrs": [{"addr": address} for address in addresses]}

    interfaces = {
        "lo": seen("127.0.0.1", "::1"),
        "eth0": seen("fe80::1", "fd00::7", "10.0.0.7"),
        "eth1": seen("169.254.3.3", "10.0.0.7", "<b>"),
        "eth2": {"hwaddr": "", "addrs": None},
    }
    assert agent.usable(interfaces) == ("10.0.0.7", "fd00::7")


def test_a_host_without_kvm_is_told_so_at_once(host: HostConnection) -> None:
    works, reason = probe.probe_kvm(host)
    assert not works
    assert "does not offer KVM" in reason


@pytest.mark.lab
def test_the_probe_sees_a_machine_boot_and_removes_it(lab_host: LabHost) -> None:
    """Under emulation, as KVM is not everywhere that tests run."""
    lab_host.run("mkdir", "-p", "/run/lock")  # libvirt locks a console it opens there
    with connection.open_host(lab_host.uri) as host:
        with host.calling() as raw:
            assert probe.boots(raw, "qemu", "x86_64", 20) == (True, "A test machine booted under qemu.")
        assert list(domains.all_facts(host)) == []


@pytest.mark.lab
def test_the_probe_does_not_trust_a_machine_that_only_starts(lab_host: LabHost) -> None:
    lab_host.run("mkdir", "-p", "/run/lock")
    with connection.open_host(lab_host.uri) as host, host.calling() as raw:
        works, reason = probe.boots(raw, "qemu", "x86_64", 0)
        assert (works, reason) == (
            False,
            "A test machine started under qemu, but did not boot within 0 s.",
        )
        assert raw.listAllDomains() == []
