"""Placement on arrays: hard rules, then the score, then N+1; and words for every host."""

from dataclasses import replace

import numpy as np
from hypothesis import given

from tests.unit.fleets import GIB, fleet, fleets, untimed
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.allocate import FITS, NOT_COVERED, allocate, left_out, prepare, scores, verdicts
from vrabec.scheduler.fleet import Fleet, Limits, Want
from vrabec.scheduler.rules import fitting
from vrabec.scheduler.score import score
from vrabec.scheduler.use import Use

WANT = Want(memory_mib=2 * GIB, cpus=2)


@untimed
@given(fleets())
def test_the_best_host_that_is_allowed_is_chosen(cluster: Fleet) -> None:
    room = prepare(Use(cluster))
    words = verdicts(room, WANT)
    allowed = [host for host, word in enumerate(words) if word == FITS]
    chosen = allocate(room, WANT)
    assert (chosen is None) == (not allowed)
    if chosen is not None:
        assert scores(room.use, WANT)[chosen] == scores(room.use, WANT)[allowed].min()


@untimed
@given(fleets())
def test_words_and_rules_agree_about_every_host(cluster: Fleet) -> None:
    room = prepare(Use(cluster))
    forbidden = [word not in {FITS[0], NOT_COVERED[0]} for word, _ in verdicts(room, WANT)]
    assert forbidden == (~fitting(room.use, WANT)).tolist()


@untimed
@given(fleets())
def test_hosts_that_keep_all_covered_are_those_that_would_be_chosen_alone(cluster: Fleet) -> None:
    room = prepare(Use(cluster))
    kept = n_plus_1.keeping(room.use, WANT.memory_mib, room.uncovered)
    online = np.flatnonzero(~cluster.hosts.offline)
    alone = [n_plus_1.choose(room.use, WANT.memory_mib, [host], room.uncovered) for host in online]
    assert [bool(kept[host]) for host in online] == [host is not None for host in alone]


@untimed
@given(fleets())
def test_who_is_left_out_is_named_where_a_host_is_not_covered(cluster: Fleet) -> None:
    room = prepare(Use(cluster))
    for host in np.flatnonzero(~cluster.hosts.offline):
        lost = left_out(room, WANT, int(host))
        after = Use(cluster.joined(WANT, int(host)))
        assert sorted(lost) == np.flatnonzero(n_plus_1.uncovered(after)).tolist()
        assert all(vms.size for vms in lost.values())
    assert room.use.memory_mib.tolist() == Use(cluster).memory_mib.tolist(), "trying changes nothing"


def test_the_score_is_that_of_the_cluster_with_the_machine() -> None:
    machines = [
        {"host": 0, "memory": 8 * GIB},
        {"host": 1},
        {"host": 1, "memory": 2 * GIB, "load": (0, 0, 0, 0)},
    ]
    hosts = [{}, {"memory": 32 * GIB}, {}]
    without = fleet(hosts, machines[:2])
    assert np.isclose(scores(Use(without), WANT)[1], score(fleet(hosts, machines)))


def test_each_rule_says_what_is_missing() -> None:
    hosts = [
        {"offline": True},
        {"memory": 1 * GIB},
        {"cpus": 1},
        {"disk": 1},
        {"offers": 1},
        {"offers": 7},
        {"offers": 3},
    ]
    taken = [{"host": 5, "farm": 0}]
    want = replace(WANT, disk_mib=GIB, farms=(0,), needs=2)
    room = prepare(Use(fleet([{"offers": 3} | host for host in hosts], taken, Limits(cpu_ratio=1))))
    assert len({word for word, _ in verdicts(room, want)}) == 7
    assert verdicts(room, want)[6] == FITS
    assert allocate(room, want) == 6


def test_a_machine_is_refused_rather_than_leave_a_host_without_cover() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 16 * GIB}]
    room = prepare(Use(fleet(hosts, [{"host": 0, "memory": 8 * GIB}, {"host": 1, "memory": 8 * GIB}])))
    assert allocate(room, WANT) is None
    assert verdicts(room, WANT) == (NOT_COVERED, NOT_COVERED)


def test_memory_may_be_promised_more_than_once() -> None:
    hosts = [{"memory": 16 * GIB}, {"memory": 16 * GIB}]
    machines = [{"host": 0, "memory": 8 * GIB}, {"host": 1, "memory": 8 * GIB}]
    assert allocate(prepare(Use(fleet(hosts, machines, Limits(memory_ratio=2)))), WANT) is not None
