"""vrabec cluster, vrabec host set, and vrabec vm create --explain."""

import pytest

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Vm

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_cluster_lives_by_command(site: Site, vrabec: Vrabec) -> None:
    made = vrabec("cluster", "create", "lab", "--memory-ratio", "1.5")
    assert made.out == "lab: memory times 1.5, CPUs times 16, N+1: say, CPU: host.\n"
    balanced = vrabec("cluster", "set", "lab", "--balance-hours", "24", "--balance-moves", "3").out
    assert balanced.endswith("balanced every 24 h by 3 moves at most.\n")
    assert "N+1: refuse" in vrabec("cluster", "set", "lab", "--name", "labs", "--cover", "refuse").out
    assert vrabec("host", "set", "kvm1", "--cluster", "labs").out == "kvm1 is in cluster labs.\n"
    assert vrabec("cluster", "delete", "labs").err.startswith("Error: labs has 1 hosts")
    assert [one["host_count"] for one in vrabec("cluster", "list", "-o", "json").data] == [0, 1]
    vrabec("host", "set", "kvm1", "--cluster", "default")
    assert vrabec("cluster", "delete", "labs").status == 0
    assert [cluster.name for cluster in Cluster.objects.all()] == ["default"]


def test_what_the_cpus_of_a_cluster_have_in_common_is_shown(site: Site, vrabec: Vrabec) -> None:
    assert "is not known yet." in vrabec("cluster", "show", "default").out
    assert "CPU: baseline" in vrabec("cluster", "set", "default", "--cpu", "baseline").out
    Host.objects.create(name="kvm2", uri="test:///default")
    Host.objects.filter(name="kvm1").update(offers={"cpu": "<cpu>1</cpu>", "features": ["aes"]})
    Host.objects.filter(name="kvm2").update(offers={"cpu": "<cpu>2</cpu>", "features": ["aes", "avx2"]})
    Cluster.objects.update(baseline={"model": "Nehalem", "features": ["aes"], "xml": "<cpu/>"})
    said = vrabec("cluster", "show", "default").out.splitlines()
    assert said[1:] == ["Its hosts have the CPU Nehalem in common, with 1 flags.", "kvm1 lacks avx2."]


def test_a_cluster_that_is_not_there_and_nothing_to_set_are_said(site: Site, vrabec: Vrabec) -> None:
    assert "no cluster named lab" in vrabec("cluster", "set", "lab", "--cover", "off").err
    assert "Say what to change" in vrabec("cluster", "set", "default").err


def test_a_host_is_added_to_a_cluster(site: Site, vrabec: Vrabec) -> None:
    vrabec("cluster", "create", "lab")
    assert vrabec("host", "add", "kvm2", "--uri", "test:///default", "--cluster", "lab").status == 0
    assert Host.objects.get(name="kvm2").cluster == Cluster.objects.get(name="lab")


def test_explain_says_why_here_and_who_would_have_no_place(site: Site, vrabec: Vrabec) -> None:
    Host.objects.create(name="kvm2", uri="test:///default", state=HostState.UNREACHABLE)
    said = vrabec("vm", "create", "fresh", "--project", "alpha", "--farm", "ldap", "--explain")
    assert said.status == 0
    assert "It does not answer." in said.out
    assert said.err == "If kvm1 died, there would be no place for this machine.\n"
    assert not Vm.objects.filter(name="fresh").exists()


def test_a_machine_is_bound_and_freed(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("vm", "pin", "web", "kvm1").out == "web may be on kvm1.\n"
    assert "kvm1" in vrabec("vm", "show", "web").out
    assert vrabec("vm", "pin", "web", "--free").out == "web may be on any host.\n"
    assert "Say the hosts" in vrabec("vm", "pin", "web").err
    made = vrabec("vm", "create", "fresh", "--project", "alpha", "--host", "kvm1")
    assert made.status == 0
    assert Vm.objects.get(name="fresh").pinned_to.count() == 1


def test_a_farm_is_given_and_shown(site: Site, vrabec: Vrabec) -> None:
    assert vrabec("vm", "set", "web", "--farm", "ldap").status == 0
    assert "ldap" in vrabec("vm", "show", "web").out
    assert vrabec("vm", "set", "web", "--farm", "").status == 0
    assert Vm.objects.get(name="web").farm == ""
    assert "for one machine" in vrabec("vm", "set", "web", "other", "--farm", "x").err
