"""How full a cluster is: from stored facts, in as many queries for one machine as for many."""

from typing import Any

import pytest

from tests.cast import Site, make_host, site
from tests.service.test_placement import settle
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, NotFound
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Seen, Vm, VmLoad, Wished
from vrabec.services.capacity import ClusterCapacity, read_capacity

__all__ = ["site"]
pytestmark = pytest.mark.django_db


def capacity(site: Site) -> ClusterCapacity:
    [found] = read_capacity(site.administrator.actor)
    return found


def runs(site: Site, name: str, host: Host, **columns: Any) -> Vm:
    return site.make_vm(name, host=host, **({"seen": Seen.RUNNING, "wished": Wished.ON} | columns))


def load(vm: Vm, **columns: Any) -> None:
    VmLoad.objects.create(vm=vm, seen_at=now(), **columns)


def test_promised_and_used_are_summed_by_host_and_cluster(site: Site) -> None:
    other = make_host("kvm2")
    load(runs(site, "one", site.host, memory_mib=1024, cpus=2), cpu_percent=50, memory_used_mib=300)
    load(runs(site, "two", other, memory_mib=512, cpus=1), cpu_percent=20, memory_used_mib=200)
    load(site.vm, cpu_percent=99, memory_used_mib=99)  # off: what it last used is nobody's now
    found = capacity(site)
    first = found.hosts[0].amounts
    assert (first.vms, first.memory_promised_mib, first.memory_used_mib) == (1, 1024, 300)
    assert (first.cpus_promised, first.cpus_used, first.cpus_most) == (2, 1.0, 64)
    assert (first.memory_most_mib, first.memory_free_mib) == (4096 - 512, 4096 - 512 - 1024)
    total = found.amounts
    assert (total.vms, total.memory_promised_mib, total.cpus_used) == (2, 1536, 1.2)


def test_disks_promise_what_they_could_grow_to_also_of_machines_that_are_off(site: Site) -> None:
    load(runs(site, "found", site.host, disk_mib=0), disk_size_mib=20_000, disk_used_mib=500)
    amounts = capacity(site).hosts[0].amounts
    assert (amounts.disk_promised_mib, amounts.disk_used_mib, amounts.disk_mib) == (21_024, 50_000, 100_000)


def test_a_folder_that_hosts_share_counts_once(site: Site) -> None:
    make_host("kvm2")
    found = capacity(site)
    assert (found.one_disk, found.amounts.disk_mib) == (("kvm1", "kvm2"), 100_000)
    Host.objects.filter(name="kvm2").update(pool_free_mib=30_000)
    found = capacity(site)
    assert (found.one_disk, found.amounts.disk_mib, found.amounts.disk_used_mib) == ((), 200_000, 120_000)


def test_who_would_find_no_place_is_named(site: Site) -> None:
    make_host("kvm2")
    for number in range(3):
        runs(site, f"big-{number}", site.host, memory_mib=1100)
    runs(site, "other", Host.objects.get(name="kvm2"), memory_mib=1100)
    found = capacity(site)
    assert not found.is_covered
    assert [(one.host.name, one.lost, one.lost_names) for one in found.hosts] == [
        ("kvm1", 1, ("big-2",)),
        ("kvm2", 1, ("other",)),
    ]


def test_how_many_more_fit_is_said_with_and_without_n_plus_1(site: Site) -> None:
    make_host("kvm2")
    found = capacity(site)
    rooms = {room.size.name: (room.most, room.covered) for room in found.rooms}
    assert rooms == {"tiny": (36, 18), "small": (14, 7), "medium": (2, 1), "large": (0, 0)}
    settle(site, cover=Cover.OFF)
    assert {room.size.name: room.covered for room in capacity(site).rooms}["tiny"] == 36


def test_a_size_with_more_cpus_than_a_host_has_fits_nowhere(site: Site) -> None:
    Host.objects.update(memory_mib=65_536, cpus=2)
    rooms = {room.size.name: room.most for room in capacity(site).rooms}
    assert (rooms["medium"] > 0, rooms["large"]) == (True, 0)


def test_a_host_alone_has_none_to_stand_in_for_it(site: Site) -> None:
    runs(site, "one", site.host)
    found = capacity(site)
    assert (found.looks_at_death, found.worst, found.is_covered) == (False, None, True)


def test_what_is_kept_is_what_the_worst_death_brings(site: Site) -> None:
    make_host("kvm2")
    runs(site, "one", site.host, memory_mib=1024)
    found = capacity(site)
    assert found.worst is not None
    assert (found.worst.host, found.worst.vms, found.worst.left_mib) == ("kvm1", 1, 4096 - 512 - 1024)
    assert [one.amounts.memory_kept_mib for one in found.hosts] == [0, 1024]


def test_a_host_that_does_not_answer_is_shown_and_not_counted(site: Site) -> None:
    make_host("kvm2")
    Host.objects.filter(name="kvm2").update(state=HostState.UNREACHABLE)
    found = capacity(site)
    assert [one.host.name for one in found.hosts] == ["kvm1", "kvm2"]
    assert found.amounts.memory_mib == 4096


def test_the_number_of_queries_does_not_grow(site: Site, django_assert_max_num_queries: Any) -> None:
    hosts = [make_host(f"more-{number}") for number in range(5)]
    for number in range(40):
        load(runs(site, f"vm-{number}", hosts[number % 5], memory_mib=3000), memory_used_mib=100)
    actor = site.administrator.actor
    with django_assert_max_num_queries(8):
        [found] = read_capacity(actor)
    assert not found.is_covered


def test_one_cluster_is_asked_for_by_its_id(site: Site) -> None:
    empty = Cluster.objects.create(name="lab")
    [found] = read_capacity(site.administrator.actor, cluster_id=site.host.cluster_id)
    assert found.cluster.name == "default"
    with pytest.raises(NotFound):
        read_capacity(site.administrator.actor, cluster_id=empty.pk)
    with pytest.raises(Forbidden):
        read_capacity(site.owner.actor)
