"""Hosts of two Debians: what cannot move between them is told out of what both say, and libvirt agrees."""

from collections.abc import Iterator

import pytest

from tests.lab.fixtures import lab_host, other_lab_host
from tests.lab.guests import diskless
from tests.lab.host import LabHost
from vrabec.hypervisor import connection, domains, facts, lifecycle
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.needs import require_cpu
from vrabec.lib.fit import missing

__all__ = ["lab_host", "other_lab_host"]
pytestmark = pytest.mark.lab
NAME = "generation"


@pytest.fixture
def newest_first(lab_host: LabHost, other_lab_host: LabHost) -> Iterator[list[HostConnection]]:
    """Both hosts, the one with the newer QEMU first."""
    with connection.open_host(lab_host.uri) as one, connection.open_host(other_lab_host.uri) as two:
        yield sorted((one, two), key=lambda host: host.raw.getVersion(), reverse=True)


def started(host: HostConnection, machine: str) -> str:
    """The UUID of a machine of this type that runs there."""
    xml = diskless(NAME).replace("<type>", f'<type machine="{machine}">')
    lifecycle.define(host, xml)
    uuid = next(found.uuid for found in domains.all_facts(host) if found.name == NAME)
    lifecycle.start(host, uuid)
    return uuid


def removed(host: HostConnection, uuid: str) -> None:
    lifecycle.destroy(host, uuid)
    lifecycle.undefine(host, uuid)


def whys(source: HostConnection, target: HostConnection, machine: str) -> list[str]:
    """What keeps a machine of this type from moving, as far as both hosts say."""
    uuid = started(source, machine)
    try:
        found = domains.facts(source, uuid)
        assert found
        lacks = missing(found.needs, facts.host_facts(target).offers)
        if not lacks:
            require_cpu(target, found.xml)
        return [words % params for words, params in lacks]
    finally:
        removed(source, uuid)


def test_a_newer_machine_type_cannot_go_back_and_an_older_one_may_go(
    newest_first: list[HostConnection],
) -> None:
    new, old = newest_first
    newest = facts.host_facts(new).offers.machines
    (kind,) = {name for name in newest if name.startswith("pc-q35-")} & {canonical(new)}
    assert whys(new, old, "q35") == [f"Its QEMU does not know the machine type {kind}."]
    assert whys(old, new, "q35") == []


def canonical(host: HostConnection) -> str:
    """What q35 stands for there."""
    uuid = started(host, "q35")
    try:
        found = domains.facts(host, uuid)
        assert found
        return found.needs.machine
    finally:
        removed(host, uuid)


def test_a_host_says_what_its_cpu_can(newest_first: list[HostConnection]) -> None:
    for host in newest_first:
        offers = facts.host_facts(host).offers
        assert {"qemu64", "Nehalem"} <= set(offers.models)
        assert {"sse2", "apic"} <= set(offers.features)
        assert offers.networks == ("default",)
        assert offers.qemu >= 7
