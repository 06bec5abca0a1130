"""Hosts on a switch: guests move between them, cables are cut, nothing of it is this machine's network."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.lab import LabError, LabHost, LabSwitch, labs
from tests.lab.guests import diskless

pytestmark = pytest.mark.lab
PEER_TO_PEER = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER


@contextmanager
def both(pair: tuple[LabHost, LabHost]) -> Iterator[tuple[Any, Any]]:
    connections = libvirt.open(pair[0].uri), libvirt.open(pair[1].uri)
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def reaches(host: LabHost, name: str, tries: int = 1) -> bool:
    """Whether the other's kernel refuses a connection to a port where nobody listens."""
    for _ in range(tries):
        with pytest.raises(LabError) as error:
            host.run("timeout", "1", "bash", "-c", f"exec 3<>/dev/tcp/{name}/1")
        if "refused" in str(error.value):
            return True
    return False


def test_a_guest_migrates_live_between_two_hosts(lab_pair: tuple[LabHost, LabHost]) -> None:
    one, two = lab_pair
    with both(lab_pair) as (source, target):
        guest = source.createXML(diskless("guest"))
        guest.migrate3(target, {}, libvirt.VIR_MIGRATE_LIVE)
        assert target.lookupByName("guest").isActive()
        assert source.listAllDomains() == []
    assert (len(one.guest_pids()), len(two.guest_pids())) == (0, 1)


def test_a_guest_migrates_live_peer_to_peer(lab_pair: tuple[LabHost, LabHost]) -> None:
    _, two = lab_pair
    with both(lab_pair) as (source, target):
        source.createXML(diskless("guest")).migrateToURI3(two.uri, {}, PEER_TO_PEER)
        assert target.lookupByName("guest").isActive()
        assert source.listAllDomains() == []


def test_a_migration_to_a_host_without_power_fails_and_the_guest_runs_on(
    lab_pair: tuple[LabHost, LabHost],
) -> None:
    one, two = lab_pair
    source = libvirt.open(one.uri)
    guest = source.createXML(diskless("guest"))
    two.power_loss()
    with pytest.raises(libvirt.libvirtError):
        guest.migrateToURI3(two.uri, {}, PEER_TO_PEER)
    assert guest.isActive()
    source.close()


def test_hosts_find_each_other_by_name_again_after_a_power_loss(lab_pair: tuple[LabHost, LabHost]) -> None:
    one, two = lab_pair
    assert reaches(one, "two", tries=60)
    two.power_loss()
    two.power_on()
    assert reaches(one, "two", tries=60)
    assert reaches(two, "one", tries=60)


def test_a_cut_cable_parts_the_hosts_and_leaves_them_running(tmp_path: Path) -> None:
    with (
        LabSwitch() as switch,
        LabHost("one", tmp_path / "1", switch=switch) as one,
        LabHost("two", tmp_path / "2", switch=switch) as two,
    ):
        switch.cut("two")
        assert not reaches(one, "two")
        assert two.answers()
        switch.join("two")
        assert reaches(one, "two", tries=60)  # a bridge learns again in its own time


def test_a_closed_switch_leaves_no_network_namespace_cable_or_file(tmp_path: Path) -> None:
    before = subprocess.run(["ip", "link"], check=True, capture_output=True, text=True).stdout
    with LabSwitch() as switch, LabHost("one", tmp_path / "1", switch=switch):
        assert len(labs.traces(switch.lab_name)) == 2
        during = subprocess.run(["ip", "link"], check=True, capture_output=True, text=True).stdout
    namespaces = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    assert labs.traces(switch.lab_name) == []
    assert switch.lab_name not in namespaces
    assert during == before
