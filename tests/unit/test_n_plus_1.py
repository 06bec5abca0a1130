"""N+1: what is called covered can be packed, and the quick proofs say what packing says."""

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleets import GIB, fleet, fleets, untimed
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.fleet import Fleet
from vrabec.scheduler.use import Use


def can_be_packed(use: Use, host: int) -> bool:
    """Try every way to place a dead host's machines."""
    room = use.memory_room_mib
    others = [other for other in range(len(room)) if other != host and not use.fleet.hosts.offline[other]]
    memory = use.fleet.vms.memory_mib[(use.where == host) | use.fleet.hosts.offline[use.where]]
    for way in product(others, repeat=len(memory)):
        taken = np.bincount(way, memory, minlength=len(room)) if way else np.zeros(len(room))
        if all(taken[other] <= room[other] for other in set(way)):
            return True
    return False


@untimed
@given(fleets(most_hosts=4, most_vms=7))
def test_what_is_called_covered_can_be_packed(cluster: Fleet) -> None:
    use = Use(cluster)
    failing = n_plus_1.uncovered(use)
    for host in np.flatnonzero(~failing & ~cluster.hosts.offline):
        assert can_be_packed(use, int(host))


@untimed
@given(fleets())
def test_a_host_is_uncovered_when_packing_leaves_a_machine_over(cluster: Fleet) -> None:
    use = Use(cluster)
    failing = n_plus_1.uncovered(use)
    for host in np.flatnonzero(~cluster.hosts.offline):
        assert failing[host] == (n_plus_1.stranded(use, int(host)).size > 0)


def with_one_more(cluster: Fleet, memory: float, host: int) -> Fleet:
    vms = cluster.vms
    more = {
        name: np.append(getattr(vms, name), getattr(vms, name)[:1], axis=0)
        for name in vars(vms)
        if name != "names"
    }
    more["memory_mib"][-1], more["host"][-1] = memory, host
    return replace(cluster, vms=replace(vms, names=(*vms.names, "new"), **more))


@untimed
@given(fleets(most_vms=20), st.sampled_from([1, 2, 3, 5, 8]))
def test_one_more_machine_goes_to_the_first_host_that_keeps_all_covered(cluster: Fleet, gib: int) -> None:
    use, memory = Use(cluster), gib * GIB
    before = n_plus_1.uncovered(use)
    hosts = np.flatnonzero(use.memory_room_mib >= memory).tolist()
    keeps = [
        host
        for host in hosts
        if not (n_plus_1.uncovered(Use(with_one_more(cluster, memory, host))) & ~before).any()
    ]
    assert n_plus_1.choose(use, memory, hosts, before) == (keeps[0] if keeps else None)


@untimed
@given(fleets(), st.data())
def test_a_move_that_worsens_nothing_uncovers_no_host(cluster: Fleet, data: st.DataObject) -> None:
    use = Use(cluster)
    before = n_plus_1.uncovered(use)
    vm = data.draw(st.integers(0, len(cluster.vms) - 1))
    host = data.draw(st.integers(0, len(cluster.hosts) - 1))
    after = n_plus_1.uncovered(Use(cluster.moved(vm, host)))
    assert n_plus_1.worsens(use, vm, host, before) == bool((after & ~before).any())


def test_who_would_not_fit_is_named() -> None:
    cluster = fleet(
        [{"memory": 16 * GIB}, {"memory": 16 * GIB}], [{"memory": 12 * GIB}, {"host": 1, "memory": 8 * GIB}]
    )
    assert n_plus_1.stranded(Use(cluster), 0).tolist() == [0]
    assert n_plus_1.uncovered(Use(cluster)).tolist() == [True, True]


def test_a_host_that_is_offline_gives_no_cover() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 64 * GIB, "offline": True}]
    assert n_plus_1.uncovered(Use(fleet(hosts, [{"host": 0}]))).tolist() == [True, False]


def test_machines_of_a_host_that_is_offline_need_a_place_too() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 16 * GIB}, {"offline": True}]
    machines = [{"memory": 8 * GIB, "host": 0}, {"memory": 10 * GIB, "host": 2}]
    cluster = fleet(hosts, machines)
    assert n_plus_1.uncovered(Use(cluster)).tolist() == [True, True, False]
    assert n_plus_1.uncovered(Use(cluster.moved(1, 1))).tolist() == [True, True, False]
