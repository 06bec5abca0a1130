"""Pools and volumes as a host has them, whoever made them."""

import libvirt

from tests.contract.conftest import POOL, Site
from tests.contract.waiting import until
from vrabec.hypervisor import events, pools, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.needs import needs_of
from vrabec.hypervisor.spec import Event, EventKind, PoolFacts, VmSpec
from vrabec.hypervisor.xml import Domain

NFS = """
<pool type="netfs"><name>%s</name>
<source><host name="nfs1"/><dir path="/export/vms"/><format type="nfs"/></source>
<target><path>/srv/nfs</path></target></pool>
"""
OTHER = "site-images"


def pool_of(host: HostConnection, name: str) -> PoolFacts:
    return next(pool for pool in pools.list_pools(host) if pool.name == name)


def test_a_pool_is_listed_with_its_place_and_room(site: Site, host: HostConnection) -> None:
    found, known = pool_of(host, POOL), storage.pool_info(host, POOL)
    assert (found.kind, found.source, found.path, found.is_active) == ("dir", "", site.directory, True)
    assert (found.capacity_mib, found.available_mib) == (known.capacity_mib, known.available_mib)


def test_a_pool_that_is_not_active_is_listed_without_sizes(host: HostConnection) -> None:
    with host.calling() as raw:
        made = raw.storagePoolDefineXML(NFS % OTHER)
    try:
        assert pool_of(host, OTHER) == PoolFacts(
            OTHER, "netfs", "nfs1:/export/vms", "/srv/nfs", is_active=False, capacity_mib=0, available_mib=0
        )
    finally:
        with host.calling():
            made.undefine()
    assert OTHER not in [pool.name for pool in pools.list_pools(host)]


def test_volumes_are_listed_as_each_is(host: HostConnection, base_path: str) -> None:
    clone = storage.clone(host, POOL, "vm.qcow2", base_path, 128)
    found = {volume.name: volume for volume in pools.list_volumes(host, POOL)}
    assert found["vm.qcow2"] == clone
    assert clone.backing_path == base_path
    assert sorted(found) == list(storage.volume_names(host, POOL))


def test_a_volume_that_went_meanwhile_is_left_out(host: HostConnection, base_path: str) -> None:
    for name in ("a.qcow2", "b.qcow2"):
        storage.clone(host, POOL, name, base_path, 128)
    found = pools.list_volumes(host, POOL)
    first = next(found).name
    for name in {"a.qcow2", "b.qcow2"} - {first}:
        storage.delete_volume(host, POOL, name)
    assert {first, *(volume.name for volume in found)} == set(storage.volume_names(host, POOL))


def test_a_machine_says_where_its_disks_lie(host: HostConnection, machine: VmSpec) -> None:
    with host.calling() as raw:
        text = raw.lookupByUUIDString(machine.uuid).XMLDesc()
    assert needs_of(Domain(text)).disks == (machine.disk_path,)
    assert machine.disk_path in [volume.path for volume in pools.list_volumes(host, POOL)]


def test_what_happens_to_a_pool_is_told(site: Site, host: HostConnection) -> None:
    heard: list[Event] = []
    events.watch(host, heard.append)
    raw = libvirt.open(site.uri)
    raw.storagePoolLookupByName(POOL).refresh(0)
    raw.close()
    until(lambda: any(event.what == "refreshed" for event in heard))
    assert {(event.kind, event.name) for event in heard} == {(EventKind.POOL, POOL)}
