"""Evacuation: the host is empty afterwards, or it is said what stays and why."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleets import GIB, fleet, fleets, untimed
from vrabec.scheduler import evacuate as evacuation
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.evacuate import evacuate
from vrabec.scheduler.fleet import Fleet
from vrabec.scheduler.rules import fitting
from vrabec.scheduler.use import Use


def without(cluster: Fleet, host: int) -> Fleet:
    offline = cluster.hosts.offline.copy()
    offline[host] = True
    return replace(cluster, hosts=replace(cluster.hosts, offline=offline))


@untimed
@given(fleets(), st.integers(0, 1))
def test_the_host_is_empty_or_it_is_said_what_stays(cluster: Fleet, host: int) -> None:
    plan = evacuate(cluster, host)
    use, before = Use(without(cluster, host)), n_plus_1.uncovered(Use(cluster))
    for vm, target in plan.moves:
        assert fitting(use, cluster.vms.want(vm))[target]
        use.move(vm, target)
        assert not (n_plus_1.uncovered(use) & ~before).any()
    assert np.flatnonzero(use.where == host).tolist() == sorted(vm for vm, _ in plan.stays)


def test_each_that_stays_has_its_reason() -> None:
    hosts = [{"memory": 32 * GIB}, {"memory": 32 * GIB}, {"memory": 4 * GIB}]
    machines = [{"pinned": True}, {"memory": 30 * GIB}, {"memory": 30 * GIB, "host": 1}]
    assert dict(evacuate(fleet(hosts, machines), 0).stays) == {0: evacuation.PINNED, 1: evacuation.NO_HOST}


def test_nothing_moves_when_the_others_could_not_do_without_another_one() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 16 * GIB}, {"memory": 16 * GIB}]
    machines = [{"memory": 6 * GIB, "host": host} for host in (0, 1, 2)] + [{"memory": 6 * GIB, "host": 0}]
    plan = evacuate(fleet(hosts, machines), 0)
    assert plan.moves == ()
    assert dict(plan.stays) == {0: evacuation.NOT_COVERED, 3: evacuation.NOT_COVERED}


def test_cover_that_yields_is_kept_as_long_as_that_goes() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 16 * GIB}, {"memory": 16 * GIB}]
    machines = [{"memory": 6 * GIB, "host": host} for host in (0, 1, 2)] + [{"memory": 6 * GIB, "host": 0}]
    cluster = fleet(hosts, machines)
    plan = evacuate(cluster, 0, cover_yields=True)
    assert (sorted(vm for vm, _ in plan.moves), plan.stays) == ([0, 3], ())
    roomy = fleet([{"memory": 64 * GIB}] * 4, machines)
    assert evacuate(roomy, 0, cover_yields=True) == evacuate(roomy, 0)
