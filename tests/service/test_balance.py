"""Balancing a cluster: what is proposed, what becomes of it, and what is said where it went stale."""

from typing import Any

import pytest

from tests.cast import Site, make_host, site
from vrabec.lib.errors import Forbidden, Invalid
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.balance import Balance, Queued, Wanted, move_wanted, propose

__all__ = ["site"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def uneven(site: Site) -> Cluster:
    """Three hosts, six machines on the first."""
    for name in ("kvm2", "kvm3"):
        make_host(name)
    for number in range(6):
        runs(site, f"vm-{number}", memory_mib=512)
    return Cluster.objects.get(pk=site.host.cluster_id)


def runs(site: Site, name: str, **columns: Any) -> Vm:
    return site.make_vm(name, **({"seen": Seen.RUNNING, "wished": Wished.ON} | columns))


def proposed(site: Site, cluster: Cluster, **given: Any) -> Balance:
    return propose(site.administrator.actor, cluster=cluster, **given)


def make(site: Site, cluster: Cluster, *wanted: Wanted) -> tuple[Queued, ...]:
    return move_wanted(site.administrator.actor, cluster=cluster, wanted=wanted)


def test_moves_are_proposed_with_gain_and_price(site: Site, uneven: Cluster) -> None:
    found = proposed(site, uneven)
    assert {move.source for move in found.moves} == {"kvm1"}
    assert sorted(move.target for move in found.moves) == ["kvm2", "kvm2", "kvm3", "kvm3"]
    assert [(move.copied_mib, move.seconds) for move in found.moves] == [(512, 5)] * 4
    gains = [move.gain for move in found.moves]
    assert min(gains) > 0
    assert found.before - found.after == pytest.approx(sum(gains))


def test_no_more_are_proposed_than_asked_for(site: Site, uneven: Cluster) -> None:
    assert len(proposed(site, uneven, most=1).moves) == 1
    for most in (0, 201):
        with pytest.raises(Invalid):
            proposed(site, uneven, most=most)


def test_what_cannot_move_is_left_in_place_with_its_reason(site: Site, uneven: Cluster) -> None:
    Vm.objects.filter(name="vm-0").update(seen=Seen.PAUSED)
    found = proposed(site, uneven)
    assert "vm-0" not in {move.name for move in found.moves}
    assert found.stays == ((("It is paused: resume it first.", {}), 1),)


def test_a_cluster_without_hosts_or_all_even_has_nothing_to_move(site: Site) -> None:
    empty = Cluster.objects.create(name="lab")
    assert proposed(site, empty).moves == ()
    assert proposed(site, Cluster.objects.get(pk=site.host.cluster_id)).moves == ()


def test_wanted_moves_become_jobs_in_their_order_and_a_line_in_the_record(
    site: Site, uneven: Cluster
) -> None:
    found = proposed(site, uneven)
    done = make(site, uneven, *(Wanted(move.vm_id, move.target) for move in found.moves))
    jobs = Job.objects.filter(kind="vm.migrate").order_by("pk")
    assert [one.job for one in done] == list(jobs)
    assert [job.args["to"] for job in jobs] == [move.target for move in found.moves]
    assert Audit.objects.get(action="cluster.balance").detail == {"moves": 4, "refused": 0}
    assert Audit.objects.filter(action="vm.migrate").count() == 4


def test_what_is_queued_is_not_proposed_again(site: Site, uneven: Cluster) -> None:
    [move] = proposed(site, uneven, most=1).moves
    make(site, uneven, Wanted(move.vm_id, move.target))
    assert move.name not in {other.name for other in proposed(site, uneven).moves}


def test_a_move_that_went_stale_is_refused_and_the_others_are_made(site: Site, uneven: Cluster) -> None:
    moves = proposed(site, uneven).moves
    Vm.objects.filter(pk=moves[0].vm_id).update(seen=Seen.OFF)
    Host.objects.filter(name=moves[1].target).update(memory_mib=600)
    other = Host.objects.exclude(name__in=("kvm1", moves[1].target)).get()
    done = make(
        site, uneven, Wanted(moves[0].vm_id, other.name), Wanted(moves[1].vm_id, moves[1].target),
        Wanted(moves[2].vm_id, other.name), Wanted(10**9, other.name), Wanted(moves[3].vm_id, "kvm9"),
    )  # fmt: skip
    said = [one.error.message if one.error else "" for one in done]
    assert said[0] == f"{moves[0].name} is off."
    assert "88 MiB of memory left" in said[1]
    assert said[2:] == ["", "It is not in this cluster any more.", "There is no host named kvm9."]
    assert Audit.objects.get(action="cluster.balance").detail == {"moves": 1, "refused": 4}


def test_only_administrators_balance(site: Site, uneven: Cluster) -> None:
    with pytest.raises(Forbidden):
        propose(site.owner.actor, cluster=uneven)
    with pytest.raises(Forbidden):
        move_wanted(site.owner.actor, cluster=uneven, wanted=[Wanted(1, "kvm2")])
    with pytest.raises(Invalid):
        make(site, uneven)
