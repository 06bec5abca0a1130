"""Where a machine goes, on a database: rules in words, N+1, farms and clusters, and two people at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cast import Site, site
from vrabec.lib.errors import Invalid, NoCapacity, VrabecError
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import vms
from vrabec.services.fleets import HOST_RESERVE_MIB
from vrabec.services.placement import Ask, Placement, choose, explained

__all__ = ["site"]
pytestmark = pytest.mark.django_db


def add_host(name: str, **columns: Any) -> Host:
    values = {"uri": "test:///default", "state": HostState.ONLINE, "cpus": 4, "memory_mib": 4096}
    values |= {"networks": ["default"], "pool_free_mib": 50_000, "pool_total_mib": 100_000}
    return Host.objects.create(name=name, **(values | columns))


def settle(site: Site, **columns: Any) -> None:
    Cluster.objects.filter(pk=site.host.cluster_id).update(**columns)


def words(found: Placement) -> dict[str, str]:
    return {verdict.host.name: verdict.message for verdict in found.verdicts}


def place(site: Site, **changes: Any) -> Placement:
    return vms.place_vm(site.owner.actor, wish=site.wish(**changes))


def create(site: Site, name: str, **changes: Any) -> str:
    """The name of the host that it went to."""
    job = vms.create_vm(site.administrator.actor, wish=site.wish(name=name, **changes))
    assert job.host
    return job.host.name


def test_of_every_host_it_is_said_why_or_why_not(site: Site) -> None:
    settle(site, cover=Cover.OFF)
    add_host("away", state=HostState.UNREACHABLE)
    add_host("narrow", cpus=1)
    add_host("cut-off", networks=["other"])
    add_host("full", memory_mib=HOST_RESERVE_MIB + 100)
    add_host("crammed", pool_free_mib=0)
    add_host("other", memory_mib=4000)
    assert words(place(site, cpus=2)) == {
        "kvm1": "Chosen: with this machine the cluster is most even.",
        "other": "It could take the machine; on kvm1 the cluster is more even.",
        "away": "It does not answer.",
        "narrow": "It has only 1 CPUs.",
        "cut-off": "It has no network default.",
        "full": "It has 100 MiB of memory left.",
        "crammed": "It has 0 MiB of disk left.",
    }
    assert create(site, "fresh", cpus=2) == "kvm1"


def test_memory_may_be_promised_as_often_as_the_cluster_says(site: Site) -> None:
    settle(site, cover=Cover.OFF, memory_ratio=2.0)
    assert [create(site, f"vm-{n}", memory_mib=3000) for n in range(2)] == ["kvm1", "kvm1"]
    with pytest.raises(NoCapacity, match="kvm1: It has 1168 MiB of memory left"):
        create(site, "vm-3", memory_mib=3000)


def test_cpus_may_be_promised_as_often_as_the_cluster_says(site: Site) -> None:
    settle(site, cover=Cover.OFF, cpu_ratio=1.0)
    create(site, "first", cpus=3)
    with pytest.raises(NoCapacity, match="kvm1: It has 1 CPUs left"):
        create(site, "second", cpus=2)
    vms.start_vm(site.owner.actor, vm=site.vm)
    assert vms.start_vm(site.owner.actor, vm=site.make_vm("third", cpus=2)), "a start asks for memory alone"


def test_no_two_machines_of_a_farm_are_made_on_one_host(site: Site) -> None:
    add_host("kvm2")
    hosts = {create(site, f"ldap-{n}", farm="ldap") for n in range(2)}
    assert hosts == {"kvm1", "kvm2"}
    with pytest.raises(NoCapacity, match=r"kvm1: ldap-[01] of the same farm is on it"):
        create(site, "ldap-2", farm="ldap")
    assert create(site, "web-1", farm="web")


def test_a_machine_of_a_farm_counts_also_while_it_is_off(site: Site) -> None:
    site.make_vm("ldap-1", farm="ldap")
    with pytest.raises(NoCapacity, match="same farm"):
        create(site, "ldap-2", farm="ldap")


def test_a_farm_of_another_project_is_another_farm(site: Site) -> None:
    site.make_vm("ldap-1", farm="ldap", project=site.other)
    assert create(site, "ldap-2", farm="ldap") == "kvm1"


def test_a_farm_is_named_like_a_tag(site: Site) -> None:
    with pytest.raises(Invalid) as refused:
        create(site, "ldap-1", farm="LDAP servers")
    assert refused.value.field == "farm"


def full_pair(site: Site) -> Host:
    """Two hosts that are half full, so that each can just stand in for the other."""
    other = add_host("kvm2")
    for host in (site.host, other):
        site.make_vm(f"half-{host.name}", host=host, memory_mib=1792, seen=Seen.RUNNING)
    return other


def test_where_n_plus_1_is_kept_a_machine_is_refused_and_who_would_not_fit_is_said(site: Site) -> None:
    full_pair(site)
    settle(site, cover=Cover.REFUSE)
    with pytest.raises(NoCapacity) as refused:
        create(site, "fresh")
    said = refused.value.message
    assert "If a host died, not every machine would find a place any more." in said
    assert "If kvm1 died, there would be no place for the new one." in said
    assert "half-kvm2" in said


def test_where_n_plus_1_is_said_a_machine_is_made_and_who_would_not_fit_is_said(site: Site) -> None:
    full_pair(site)
    found = place(site)
    assert found.host
    assert words(found)[found.host.name].startswith("Chosen; but if a host died")
    lost = {loss.host: loss.machines for loss in found.losses}
    assert set(lost) == {"kvm1", "kvm2"}
    assert lost[found.host.name] == ("",)
    assert create(site, "fresh")


def test_where_n_plus_1_is_not_looked_at_nothing_is_said(site: Site) -> None:
    full_pair(site)
    settle(site, cover=Cover.OFF)
    found = place(site)
    assert (words(found)["kvm1"][:7], found.losses) == ("Chosen:", ())


def test_a_host_that_keeps_every_machine_covered_comes_before_a_more_even_one(site: Site) -> None:
    add_host("kvm2")
    add_host("small", memory_mib=HOST_RESERVE_MIB + 200)
    site.make_vm("large", memory_mib=3584, seen=Seen.RUNNING)
    found = place(site, memory_mib=200)
    assert found.host
    assert found.host.name == "small", "on kvm2 it would take what large needs there if kvm1 died"
    assert found.losses == ()
    assert words(found)["kvm2"].startswith("It could take the machine, but if a host died")


def test_a_cluster_without_hosts_takes_none(site: Site) -> None:
    Cluster.objects.create(name="second")
    with pytest.raises(NoCapacity, match="The cluster second has no hosts yet"):
        create(site, "fresh", cluster="second")


def test_a_single_host_has_none_to_stand_in_for_it(site: Site) -> None:
    settle(site, cover=Cover.REFUSE)
    assert create(site, "fresh") == "kvm1"


def test_of_several_clusters_the_emptiest_is_taken_or_the_one_that_is_named(site: Site) -> None:
    second = Cluster.objects.create(name="second")
    add_host("far", cluster=second)
    site.make_vm("big", memory_mib=2000, seen=Seen.RUNNING)
    found = place(site)
    assert words(found) == {
        "far": "Chosen: with this machine the cluster is most even.",
        "kvm1": "It could take the machine; cluster second is emptier.",
    }
    assert create(site, "one") == "far"
    assert words(place(site, cluster="default")).keys() == {"kvm1"}
    assert create(site, "two", cluster="default") == "kvm1"
    with pytest.raises(Invalid, match="no cluster named third"):
        place(site, cluster="third")


def test_who_may_not_know_hosts_is_told_no_names(site: Site) -> None:
    with pytest.raises(NoCapacity) as refused:
        vms.create_vm(site.owner.actor, wish=site.wish(memory_mib=4000))
    assert refused.value.message == "No host can take this machine. One host: It has 3584 MiB of memory left."


def test_a_machine_that_moves_to_another_host_meanwhile_is_counted_where_it_is(site: Site) -> None:
    other = add_host("kvm2")
    vm = site.make_vm("big", memory_mib=3000, seen=Seen.RUNNING)
    Vm.objects.filter(pk=vm.pk).update(host=other)
    settle(site, cover=Cover.OFF)
    assert create(site, "fresh", memory_mib=2000) == "kvm1"


# Against the rules in words


@dataclass
class Made:
    """A site that hypothesis made, for one look."""

    hosts: list[Host]
    machines: list[Vm]
    ratio: float


HOSTS = st.lists(
    st.fixed_dictionaries(
        {
            "memory_mib": st.sampled_from([2048, 4096, 6144]),
            "cpus": st.sampled_from([1, 2, 4]),
            "state": st.sampled_from([HostState.ONLINE] * 4 + [HostState.UNREACHABLE]),
            "networks": st.sampled_from([["default"], ["default", "lan"], ["lan"]]),
            "pool_free_mib": st.sampled_from([50, 50_000]),
        }
    ),
    min_size=1,
    max_size=4,
)
MACHINES = st.lists(
    st.fixed_dictionaries(
        {
            "place": st.integers(0, 3),
            "memory_mib": st.sampled_from([256, 512, 1024, 2048]),
            "cpus": st.sampled_from([1, 2]),
            "seen": st.sampled_from([Seen.RUNNING, Seen.RUNNING, Seen.OFF]),
            "wished": st.sampled_from([Wished.ON, Wished.OFF]),
            "farm": st.sampled_from(["", "ldap"]),
        }
    ),
    max_size=8,
)
ASKS = st.builds(
    Ask,
    cpus=st.sampled_from([1, 2, 4]),
    memory_mib=st.sampled_from([256, 1024, 3000]),
    network=st.sampled_from(["", "default", "lan"]),
    image_mib=st.sampled_from([10, 100]),
    farm=st.sampled_from(["", "ldap"]),
)


@contextmanager
def made(site: Site, hosts: list[dict], machines: list[dict], **cluster: Any) -> Iterator[Made]:
    """The site of one example, gone afterwards."""
    with transaction.atomic():
        settle(site, **cluster)
        Vm.objects.all().delete()
        Host.objects.filter(pk=site.host.pk).update(removed_at=site.host.created_at)
        rows = [add_host(f"h{number}", **columns) for number, columns in enumerate(hosts)]
        vms = [site.make_vm(f"vm{n}", **_on(rows, columns)) for n, columns in enumerate(machines)]
        yield Made(rows, vms, cluster["memory_ratio"])
        transaction.set_rollback(True)


def _on(hosts: list[Host], columns: dict) -> dict:
    rest = {name: value for name, value in columns.items() if name != "place"}
    return rest | {"host": hosts[columns["place"] % len(hosts)]}


def test_what_is_chosen_and_refused_is_what_the_rules_say(site: Site) -> None:
    @settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(HOSTS, MACHINES, ASKS, st.sampled_from([1.0, 1.5]), st.sampled_from(Cover.values))
    def law(hosts: list, machines: list, ask: Ask, ratio: float, cover: str) -> None:
        ask = Ask(**(vars(ask) | {"project_id": site.project.pk}))
        with made(site, hosts, machines, memory_ratio=ratio, cpu_ratio=2.0, cover=cover) as here:
            able = {host.name for host in here.hosts if _can_take(here, host, ask)}
            safe = {name for name in able if _stays_covered(here, name, ask)}
            allowed = safe if cover == Cover.REFUSE and len(here.hosts) > 1 else able
            found = explained(ask)
            assert {verdict.host.name for verdict in found.verdicts if verdict.fits} == allowed
            assert bool(found.host) == bool(allowed)
            if found.host:
                wanted = safe if cover != Cover.OFF and len(here.hosts) > 1 and safe else allowed
                assert found.host.name in wanted
                assert choose(site.administrator.actor, ask) == found.host
            else:
                with pytest.raises(NoCapacity):
                    choose(site.administrator.actor, ask)

    law()


def _counts(vm: Vm) -> bool:
    return vm.seen == Seen.RUNNING or vm.wished == Wished.ON


def _room(here: Made, host: Host) -> float:
    taken = sum(vm.memory_mib for vm in here.machines if vm.host_id == host.pk and _counts(vm))
    return (host.memory_mib - HOST_RESERVE_MIB) * here.ratio - taken


def _can_take(here: Made, host: Host, ask: Ask) -> bool:
    own = [vm for vm in here.machines if vm.host_id == host.pk]
    return (
        host.state == HostState.ONLINE
        and ask.cpus <= host.cpus
        and ask.cpus + sum(vm.cpus for vm in own if _counts(vm)) <= 2 * host.cpus
        and (not ask.network or ask.network in host.networks)
        and ask.memory_mib <= _room(here, host)
        and ask.image_mib <= host.pool_free_mib
        and not (ask.farm and any(vm.farm == ask.farm for vm in own))
    )


def _uncovered(here: Made, extra: dict[str, int]) -> set[str]:
    """Hosts whose death leaves a machine without a place, packed by hand: the largest first."""
    online = [host for host in here.hosts if host.state == HostState.ONLINE]
    away = [vm for vm in here.machines if vm.host not in online and _counts(vm)]
    failing = set()
    for dead in online:
        own = [vm for vm in here.machines if vm.host_id == dead.pk and _counts(vm)]
        homeless = [vm.memory_mib for vm in own + away]
        homeless += [extra[dead.name]] if dead.name in extra else []
        room = {h.name: _room(here, h) - extra.get(h.name, 0) for h in online if h != dead}
        is_watched = own or dead.name in extra or away
        if is_watched and not all(_packed(room, memory) for memory in sorted(homeless, reverse=True)):
            failing.add(dead.name)
    return failing


def _packed(room: dict[str, float], memory: int) -> bool:
    name = next((name for name, left in room.items() if left >= memory), None)
    if name is None:
        return False
    room[name] -= memory
    return True


def _stays_covered(here: Made, name: str, ask: Ask) -> bool:
    return _uncovered(here, {name: ask.memory_mib}) <= _uncovered(here, {})


# Two people at once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cover", [Cover.OFF, Cover.REFUSE])
def test_two_who_create_at_once_do_not_get_the_same_room(site: Site, cover: Cover) -> None:
    settle(site, cover=cover)
    if cover == Cover.REFUSE:  # either can have what N+1 leaves on kvm1 and kvm2 together, not both
        add_host("kvm2")
    barrier = Barrier(2)

    def make(name: str) -> object:
        try:
            barrier.wait()
            return vms.create_vm(site.owner.actor, wish=site.wish(name=name, memory_mib=2000))
        except VrabecError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(make, ["one", "two"]))
    refused = [answer for answer in answers if isinstance(answer, NoCapacity)]
    assert len(refused) == 1
    assert Vm.objects.filter(name__in=["one", "two"]).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_create_for_one_farm_at_once_share_no_host(site: Site) -> None:
    add_host("kvm2")
    settle(site, cover=Cover.OFF)
    barrier = Barrier(2)

    def make(name: str) -> None:
        barrier.wait()
        vms.create_vm(site.owner.actor, wish=site.wish(name=name, farm="ldap"))
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, ["one", "two"]))
    hosts = Vm.objects.filter(farm="ldap").values_list("host__name", flat=True)
    assert sorted(hosts) == ["kvm1", "kvm2"]
