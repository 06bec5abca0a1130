"""Balance: moves that lower the score, break no rule on the way and leave no host without cover."""

import numpy as np
import pytest
from hypothesis import given

from tests.bench import cases, htools
from tests.unit.fleets import GIB, fleet, fleets, untimed
from vrabec.scheduler import n_plus_1
from vrabec.scheduler.balance import Proposal, Wish, balance
from vrabec.scheduler.fleet import Fleet
from vrabec.scheduler.gain import Gains
from vrabec.scheduler.rules import movable
from vrabec.scheduler.score import score, score_of
from vrabec.scheduler.use import Use


def follow(cluster: Fleet, proposal: Proposal) -> Use:
    """Make every move, and look at each step."""
    use = Use(cluster)
    before, now = n_plus_1.uncovered(use), score_of(use)
    for move in proposal.moves:
        assert move.source == use.where[move.vm]
        assert movable(use, move.vm)[move.target]
        use.move(move.vm, move.target)
        assert not (n_plus_1.uncovered(use) & ~before).any()
        assert now - score_of(use) == pytest.approx(move.gain, abs=1e-6)
        now = score_of(use)
    return use


@untimed
@given(fleets())
def test_moves_break_no_rule_on_the_way_and_lower_the_score(cluster: Fleet) -> None:
    proposal = balance(cluster)
    use = follow(cluster, proposal)
    assert proposal.before == score(cluster)
    assert proposal.after == pytest.approx(score(use.placed()), abs=1e-6)
    assert proposal.after < proposal.before or not proposal.moves


@pytest.fixture(scope="module")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Twenty hosts, some of them hot."""
    return htools.read_fleet(
        *cases.write(cases.Case(hosts=20, vms=200, seed=5), tmp_path_factory.mktemp("case"), "hot")
    )


@pytest.fixture(scope="module")
def cooled(hot: Fleet) -> Proposal:
    return balance(hot)


def test_a_hot_cluster_is_cooled_step_by_step(hot: Fleet, cooled: Proposal) -> None:
    follow(hot, cooled)
    assert cooled.after < 0.1 * cooled.before


def test_the_first_moves_matter_most(cooled: Proposal) -> None:
    gains = [move.gain for move in cooled.moves]
    assert sum(gains[: len(gains) // 4]) > sum(gains) / 2


def test_no_single_move_would_help_more(hot: Fleet, cooled: Proposal) -> None:
    use = follow(hot, cooled)
    gains, uncovered = Gains(use), n_plus_1.uncovered(Use(hot))
    for vm in range(len(hot.vms)):
        hosts = np.flatnonzero(movable(use, vm))
        changes = gains.exact(np.full(len(hosts), vm), hosts)
        for host in hosts[changes < -1e-4]:
            assert n_plus_1.worsens(use, vm, int(host), uncovered)


def test_there_are_no_more_moves_than_wished(hot: Fleet) -> None:
    assert len(balance(hot, Wish(most_moves=7)).moves) == 7


def test_moves_that_hardly_matter_are_left_out(hot: Fleet, cooled: Proposal) -> None:
    assert len(balance(hot, Wish(least_gain=0.1)).moves) < len(cooled.moves)


def test_the_same_cluster_gets_the_same_moves(hot: Fleet, cooled: Proposal) -> None:
    assert balance(hot) == cooled


def test_a_move_costs_the_memory_that_runs_and_the_disk_that_is_not_shared() -> None:
    machines = [{"memory": 2 * GIB, "disk": 10 * GIB}, {"memory": 2 * GIB, "disk": 10 * GIB, "runs": False}]
    proposal = balance(fleet([{}, {"offline": True}], [{**machine, "host": 1} for machine in machines]))
    assert sorted(move.price_mib for move in proposal.moves) == [10 * GIB, 12 * GIB]


def test_a_pinned_machine_stays() -> None:
    assert balance(fleet([{}, {}], [{"pinned": True}, {"pinned": True}])).moves == ()


def test_a_cluster_without_machines_stays_as_it_is() -> None:
    assert balance(fleet([{}, {}], [])).moves == ()
