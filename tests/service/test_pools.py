"""Pools and volumes: what is kept of what hosts have, and who sees it."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import libvirt
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, make_person, site
from tests.e2e.waiting import wait_until
from tests.lab import TestFleetHost
from tests.lab.fixtures import fleet_host
from tests.service.test_host_watch import host, watched
from tests.service.test_writer import writer
from vrabec.inventory import pools as looks
from vrabec.inventory.pools import PoolLooks
from vrabec.inventory.turns import Turns
from vrabec.inventory.watch import HostWatch
from vrabec.inventory.writer import Writer
from vrabec.lib.errors import Forbidden, NotFound
from vrabec.lib.fit import Needs
from vrabec.models.clusters import Cluster
from vrabec.models.grants import Grant
from vrabec.models.hosts import Host
from vrabec.models.pools import Pool, Volume
from vrabec.models.roles import OPERATOR, Role
from vrabec.services.hosts import remove_host
from vrabec.services.places import places
from vrabec.services.pools import (
    disks_on,
    get_pool,
    keep_pools,
    keep_volumes,
    layers_over,
    list_pools,
    list_volumes,
)
from vrabec.services.vm_xml import Told, keep_xmls

__all__ = ["fleet_host", "host", "site", "watched", "writer"]

DIRECTORY = {"kind": "dir", "source": "", "path": "/srv", "is_active": True}
COLUMNS = DIRECTORY | {"capacity_mib": 1000, "available_mib": 400}


def volume(name: str, takes: int = 1, base: str = "") -> tuple[Any, ...]:
    return (name, f"/srv/{name}", "qcow2", 64, takes, base)


def keep(of: Host, *names: str) -> dict[str, int]:
    return keep_pools(of.pk, [{"name": name, **COLUMNS} for name in names])


def volumes(pool_id: int) -> dict[str, int]:
    """Ids by names."""
    return dict(Volume.objects.filter(pool=pool_id).values_list("name", "pk"))


# What is kept


def test_pools_that_a_host_has_no_more_go_with_their_volumes(site: Site) -> None:
    ids = keep(site.host, "vrabec", "images")
    keep_volumes(ids["images"], [volume("a")], {})
    assert keep(site.host, "vrabec") == {"vrabec": ids["vrabec"]}
    assert not Volume.objects.exists()


def test_only_volumes_that_differ_are_written_anew(site: Site) -> None:
    pool = keep(site.host, "vrabec")["vrabec"]
    keep_volumes(pool, [volume("same"), volume("grown"), volume("gone")], {})
    before = volumes(pool)
    keep_volumes(pool, [volume("same"), volume("grown", takes=2), volume("new")], {})
    after = volumes(pool)
    assert set(after) == {"same", "grown", "new"}
    assert after["same"] == before["same"]
    assert Volume.objects.get(name="grown").allocation_mib == 2


def test_more_volumes_than_a_statement_takes(site: Site) -> None:
    pool = keep(site.host, "vrabec")["vrabec"]
    keep_volumes(pool, [volume(f"v{number}") for number in range(1200)], {})
    keep_volumes(pool, [volume("v7")], {})
    assert set(volumes(pool)) == {"v7"}


def test_what_was_read_of_a_pool_that_went_meanwhile_is_nothing(site: Site) -> None:
    pool = keep(site.host, "vrabec")["vrabec"]
    keep(site.host)
    keep_volumes(pool, [volume("a")], {})
    assert not Volume.objects.exists()


def test_a_volume_knows_its_machine_by_path_or_by_pool_and_name(site: Site) -> None:
    db = site.make_vm("db")
    for vm, place in ((site.vm, "/srv/a"), (db, "vrabec/b")):
        keep_xmls({vm.pk: Told("<domain/>", Needs(disks=(place,)), "1")})
    pool = keep(site.host, "vrabec")["vrabec"]
    keep_volumes(pool, [volume("a"), volume("b"), volume("c")], disks_on(site.host.pk))
    rows = dict(Volume.objects.values_list("name", "vm_id"))
    assert rows == {"a": site.vm.pk, "b": db.pk, "c": None}


def test_the_pools_of_a_host_that_is_removed_are_forgotten(site: Site) -> None:
    keep(site.host, "vrabec")
    site.vm.delete()
    remove_host(site.administrator.actor, host=site.host)
    assert not Pool.objects.exists()


# Who sees it


def test_operators_see_pools_and_who_works_in_projects_does_not(site: Site) -> None:
    pool = keep(site.host, "vrabec")["vrabec"]
    for person in (site.administrator, site.operator):
        assert [row.name for row in list_pools(person.actor)] == ["vrabec"]
        assert places(person.actor).pools == 1
    for person in (site.owner, site.viewer, site.stranger):
        with pytest.raises(Forbidden):
            get_pool(person.actor, pool_id=pool)
        assert places(person.actor).pools == 0


def test_who_looks_after_a_cluster_sees_its_pools_alone(site: Site) -> None:
    cluster = Cluster.objects.create(name="labs")
    lab = Host.objects.create(name="lab1", uri="test:///default", cluster=cluster)
    keep(site.host, "vrabec")
    theirs = keep(lab, "vrabec")["vrabec"]
    nora = make_person("nora")
    Grant.objects.create(user=nora.user, role=OPERATOR, cluster=cluster)
    assert [row.pk for row in list_pools(nora.actor)] == [theirs]
    with pytest.raises(NotFound):
        get_pool(nora.actor, pool_id=Pool.objects.get(host=site.host).pk)


def test_a_machine_that_one_does_not_see_is_not_named(site: Site) -> None:
    keep_xmls({site.vm.pk: Told("<domain/>", Needs(disks=("/srv/a",)), "1")})
    pool_id = keep(site.host, "vrabec")["vrabec"]
    keep_volumes(pool_id, [volume("a")], disks_on(site.host.pk))
    Role.objects.create(name="storekeeper", verb_line=" pool.list ")
    nora = make_person("nora")
    Grant.objects.create(user=nora.user, role="storekeeper")
    pool = get_pool(nora.actor, pool_id=pool_id)
    assert [row.vm for row in list_volumes(nora.actor, pool=pool)] == [None]
    assert [row.vm for row in list_volumes(site.operator.actor, pool=pool)] == [site.vm]


def test_a_list_of_volumes_costs_the_same_however_many_there_are(site: Site) -> None:
    pool_id = keep(site.host, "vrabec")["vrabec"]
    asked = []
    for number in (1, 40):
        names = [f"v{one}" for one in range(number)]
        vms = {f"/srv/{name}": site.make_vm(f"{number}-{name}").pk for name in names}
        keep_volumes(pool_id, [volume(name, base="/srv/base") for name in names], vms)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            pool = get_pool(site.operator.actor, pool_id=pool_id)
            rows = list(list_volumes(site.operator.actor, pool=pool))
            layers_over(pool, rows)
        assert all(row.vm for row in rows)
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_layers_are_counted_on_the_whole_host(site: Site) -> None:
    ids = keep(site.host, "vrabec", "images")
    keep_volumes(ids["images"], [volume("base")], {})
    keep_volumes(ids["vrabec"], [volume("a", base="/srv/base"), volume("b", base="/srv/base")], {})
    pool = get_pool(site.operator.actor, pool_id=ids["images"])
    assert layers_over(pool, list_volumes(site.operator.actor, pool=pool)) == {"/srv/base": 2}


# How it is looked at


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other without a pause."""
    monkeypatch.setattr(looks, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(looks, "SHARE", 1000.0)


POOL_XML = '<pool type="dir"><name>site</name><target><path>/site</path></target></pool>'
VOLUME_XML = "<volume><name>iso</name><capacity>1048576</capacity></volume>"


def names(of: Host) -> set[str]:
    return set(Volume.objects.filter(pool__host=of).values_list("name", flat=True))


def test_pools_and_volumes_that_others_make_are_seen(
    at_once: None, watched: HostWatch, host: Host, fleet_host: TestFleetHost
) -> None:
    raw = libvirt.open(fleet_host.uri)
    made = raw.storagePoolCreateXML(POOL_XML)
    wait_until(lambda: Pool.objects.filter(host=host, name="site").exists(), "the pool is seen")
    made.createXML(VOLUME_XML)
    made.refresh(0)  # as `virsh pool-refresh`, which tells of it
    wait_until(lambda: names(host) == {"iso"}, "its volume is seen")
    made.destroy()
    wait_until(lambda: not Pool.objects.filter(host=host, name="site").exists(), "it is gone")
    raw.close()


def test_pools_that_hang_keep_no_other_host_waiting(
    at_once: None, writer: Writer, fleet_host: TestFleetHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "TURNS", Turns(1))
    monkeypatch.setattr(looks, "HUNG_SECONDS", 0.0)
    hangs, goes_on = threading.Event(), threading.Event()

    def hung(*_: object) -> Iterator[None]:
        hangs.set()
        goes_on.wait(30)
        yield from ()

    def looking(name: str) -> Callable[[], bool]:
        row = Host.objects.create(name=name, uri=fleet_host.uri)
        one = PoolLooks(row.pk, lambda: fleet_host.uri, writer)
        started.append(one)
        one.ask()
        one.tend()
        return lambda: Pool.objects.filter(host=row, seen_at__isnull=False).exists()

    started: list[PoolLooks] = []
    real = looks.list_volumes
    monkeypatch.setattr(looks, "list_volumes", hung)
    looking("hung")
    assert hangs.wait(10)
    monkeypatch.setattr(looks, "list_volumes", real)
    is_seen = looking("well")
    started[0].tend()
    wait_until(is_seen, "the other host's pools are read")
    goes_on.set()
    for one in started:
        assert one._thread
        one._thread.join(30)
