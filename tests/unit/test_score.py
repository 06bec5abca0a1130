"""The score: that of hbal, and the same by steps as from scratch."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import cases, hbal, htools
from tests.unit.fleets import fleet, fleets, untimed
from vrabec.scheduler.balance import balance
from vrabec.scheduler.fleet import Fleet
from vrabec.scheduler.gain import Gains
from vrabec.scheduler.score import score, score_of
from vrabec.scheduler.use import Use

HTOOLS = Path(__file__).parents[1] / "data" / "htools"
RECORDED = sorted(path.stem for path in HTOOLS.glob("*.data"))


def recorded(name: str) -> tuple[Fleet, float, list[tuple[str, str, float]]]:
    """A cluster, its score by hbal 3.0.2, and each of hbal's moves with the score after it."""
    first, *lines = (HTOOLS / f"{name}.hbal").read_text().splitlines()
    moves = [(vm, host, float(after)) for vm, host, after in (line.split() for line in lines)]
    return htools.read_fleet(HTOOLS / f"{name}.data", HTOOLS / f"{name}.util"), float(first), moves


def scores_after(cluster: Fleet, moves: list[tuple[str, str, float]]) -> list[float]:
    use = Use(cluster)
    after = []
    for vm, host, _ in moves:
        use.move(cluster.vms.names.index(vm), cluster.hosts.names.index(host))
        after.append(score_of(use))
    return after


@pytest.mark.parametrize("name", RECORDED)
def test_each_score_is_the_one_that_hbal_gave(name: str) -> None:
    cluster, before, moves = recorded(name)
    assert score(cluster) == pytest.approx(before, abs=1e-8)
    assert scores_after(cluster, moves) == pytest.approx([after for _, _, after in moves], abs=1e-8)


@pytest.mark.parametrize("name", RECORDED)
def test_after_as_many_moves_the_score_is_no_worse_than_hbals(name: str) -> None:
    cluster, before, moves = recorded(name)
    ours = balance(cluster).moves[: len(moves)]
    assert before - sum(move.gain for move in ours) <= moves[-1][2] + 1e-8


def test_the_real_hbal_agrees_about_a_cluster_it_never_saw(tmp_path: Path) -> None:
    if not hbal.PROGRAM.exists():
        pytest.skip("hbal is not installed")
    data, load = cases.write(cases.Case(hosts=6, vms=40, seed=11), tmp_path, "case")
    cluster, peer = htools.read_fleet(data, load), hbal.run(data, load)
    assert score(cluster) == pytest.approx(peer.before, abs=1e-8)
    assert scores_after(cluster, list(peer.moves)) == pytest.approx(
        [move[2] for move in peer.moves], abs=1e-8
    )


@untimed
@given(fleets(), st.data())
def test_what_a_move_changes_is_what_the_score_from_scratch_says(cluster: Fleet, data: st.DataObject) -> None:
    use = Use(cluster)
    gains = Gains(use)
    for _ in range(3):
        vm = data.draw(st.integers(0, len(cluster.vms) - 1))
        home, host = int(use.where[vm]), data.draw(st.integers(0, len(cluster.hosts) - 1))
        if host == home:
            continue
        expected = score_of(use) + gains.exact(np.array([vm]), np.array([host]))[0]
        use.move(vm, host)
        gains.moved(vm, home, host)
        assert score(use.placed()) == pytest.approx(expected, abs=1e-6)
        assert score_of(use) == pytest.approx(expected, abs=1e-6)


@untimed
@given(fleets())
def test_sums_after_moves_are_those_from_scratch(cluster: Fleet) -> None:
    use = Use(cluster)
    for vm in range(len(cluster.vms)):
        use.move(vm, (vm * 7) % len(cluster.hosts))
    anew = Use(use.placed())
    for name in (
        "memory_mib",
        "running_mib",
        "disk_mib",
        "cpus",
        "load",
        "count",
        "largest_mib",
        "farm_count",
    ):
        assert np.allclose(getattr(use, name), getattr(anew, name)), name


def test_a_cluster_that_is_even_has_no_score() -> None:
    assert score(fleet([{}, {}], [{"host": 0}, {"host": 1}])) == 0


def test_machines_on_an_offline_host_weigh_more_than_all_else() -> None:
    away = fleet([{}, {"offline": True}], [{"host": 0}, {"host": 1}])
    assert score(away) == 20


def test_compressed_files_are_read_alike(tmp_path: Path) -> None:
    for file in ("small.data", "small.util"):
        (tmp_path / f"{file}.gz").write_bytes(gzip.compress((HTOOLS / file).read_bytes()))
    plain, _, _ = recorded("small")
    assert score(htools.read_fleet(tmp_path / "small.data.gz", tmp_path / "small.util.gz")) == score(plain)
