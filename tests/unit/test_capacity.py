"""How many more machines fit: what is promised can be kept, and one more would not be."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fleets import GIB, fleet, fleets, untimed
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.allocate import allocate, order, prepare
from vrabec.scheduler.capacity import how_many, worst_death
from vrabec.scheduler.fleet import Fleet, Limits, Want
from vrabec.scheduler.use import Use

WANTS = st.builds(
    Want,
    memory_mib=st.sampled_from([1, 2, 3, 5]).map(lambda gib: gib * GIB),
    cpus=st.sampled_from([1.0, 2.0]),
    disk_mib=st.sampled_from([0.0, 20 * GIB]),
)


def placed(cluster: Fleet, want: Want, *, with_cover: bool) -> int:
    """How many fit when each is placed as a new machine is."""
    count = 0
    while True:
        room = prepare(Use(cluster))
        host = allocate(room, want) if with_cover else next(iter(order(room, want)), None)
        if host is None:
            return count
        cluster, count = cluster.joined(want, host), count + 1


@untimed
@given(fleets(), WANTS)
def test_as_many_fit_as_can_be_placed_one_by_one(cluster: Fleet, want: Want) -> None:
    use = Use(cluster)
    assert how_many(use, want, n_plus_1.uncovered(use)).most == placed(cluster, want, with_cover=False)


def test_on_like_hosts_as_many_keep_n_plus_1_as_are_placed_so() -> None:
    hosts = [{"memory": 64 * GIB, "cpus": 64}] * 4
    vms = [{"host": number % 4, "memory": (1 + number % 5) * GIB} for number in range(30)]
    cluster, want = fleet(hosts, vms), Want(memory_mib=2 * GIB, cpus=1)
    use = Use(cluster)
    more = how_many(use, want, n_plus_1.uncovered(use))
    assert (more.covered, more.most) == (placed(cluster, want, with_cover=True), 82)
    assert more.covered == 51


@untimed
@given(fleets(), WANTS)
def test_what_is_asked_changes_nothing(cluster: Fleet, want: Want) -> None:
    use, before = Use(cluster), Use(cluster)
    how_many(use, want, n_plus_1.uncovered(use))
    worst_death(use)
    assert (use.memory_mib == before.memory_mib).all()
    assert (use.count == before.count).all()
    assert (use.largest_mib == before.largest_mib).all()


def test_a_host_that_is_offline_takes_none() -> None:
    cluster = fleet([{"offline": 1}, {"memory": 8 * GIB}], [])
    use = Use(cluster)
    assert how_many(use, Want(2 * GIB, 1), n_plus_1.uncovered(use)).most == 4


@untimed
@given(fleets(most_vms=30))
def test_what_is_kept_for_the_worst_death_is_what_it_loses(cluster: Fleet) -> None:
    use = Use(cluster)
    death = worst_death(use)
    if death is None or n_plus_1.stranded(use, death.host).size:
        return
    offline = cluster.hosts.offline
    lost = use.memory_mib[death.host] + use.memory_mib[offline].sum()
    assert np.isclose(death.kept_mib.sum(), lost)
    assert death.kept_mib[death.host] == 0
    assert not death.kept_mib[offline].any()
    assert (death.kept_mib <= np.maximum(use.memory_room_mib, 0) + 1e-6).all()


def test_the_worst_death_is_that_which_leaves_least() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 32 * GIB}, {"memory": 32 * GIB}]
    cluster = fleet(hosts, [{"host": 0, "memory": 8 * GIB}, {"host": 2, "memory": 4 * GIB}], Limits(1.0))
    death = worst_death(Use(cluster))
    assert death is not None
    assert (death.host, death.left_mib) == (2, 36 * GIB)
    assert death.kept_mib.tolist() == [0.8 * GIB, 3.2 * GIB, 0]
    assert worst_death(Use(fleet([{}], [{}]))) is None
