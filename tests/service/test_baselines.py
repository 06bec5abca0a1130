"""What the hosts of a cluster have in common: when it is computed, by whom, what is kept, who gets it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.cast import Site, make_host, site
from vrabec.hypervisor.xml import domain_xml
from vrabec.lib.fit import Baseline, Offers
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host, HostState
from vrabec.services.baselines import Asked, asked, common_of, cpu_for, due, keep
from vrabec.workflows.vms import spec_of

__all__ = ["site"]
pytestmark = pytest.mark.django_db
XML = "<cpu mode='custom' match='exact'><model>Nehalem</model><feature policy='require' name='aes'/></cpu>"
FOUND = Baseline(XML, "Nehalem", ("aes", "sse2"))


@pytest.fixture
def fleet(site: Site) -> Site:
    """Two hosts with KVM, the second with the newer libvirt and the better CPU."""
    make_host("kvm2")
    change("kvm1", cpu="<cpu>one</cpu>", features=("aes", "sse2"))
    change("kvm2", cpu="<cpu>two</cpu>", features=("aes", "avx2", "sse2"))
    Host.objects.update(domain_type="kvm", libvirt_version="9.0.0", state=HostState.ONLINE)
    Host.objects.filter(name="kvm2").update(libvirt_version="11.3.0")
    return site


def change(name: str, **offers: Any) -> None:
    """What this host offers."""
    host = Host.objects.get(name=name)
    known = replace(Offers.of(host.offers), **({"arch": "x86_64", "domain_types": ("qemu", "kvm")} | offers))
    Host.objects.filter(pk=host.pk).update(offers=known.stored())


def computing() -> list[str]:
    return [host.name for host in due(Host.objects.present().select_related("cluster"))]


def ask_of(name: str) -> Asked:
    ask = asked(Host.objects.get(name=name).pk)
    assert ask
    return ask


def test_the_newest_libvirt_computes_it_once_and_again_when_a_cpu_changes(fleet: Site) -> None:
    assert computing() == ["kvm2"]
    ask = ask_of("kvm2")
    assert (ask.kinds, set(ask.cpus)) == ((("x86_64", "kvm"),), {"<cpu>one</cpu>", "<cpu>two</cpu>"})
    keep(ask, FOUND)
    assert (computing(), asked(fleet.host.pk)) == ([], None)
    change("kvm1", cpu="<cpu>two</cpu>")
    assert computing() == ["kvm2"]
    Host.objects.filter(name="kvm2").update(state=HostState.UNREACHABLE)
    assert computing() == []


def test_a_host_without_a_cpu_of_its_own_changes_nothing(fleet: Site) -> None:
    keep(ask_of("kvm2"), FOUND)
    make_host("kvm3")
    assert computing() == []
    Host.objects.filter(name="kvm2").update(cluster=Cluster.objects.create(name="other"))
    assert sorted(computing()) == ["kvm1", "kvm2"]


def test_it_is_said_which_host_holds_the_cluster_back(fleet: Site) -> None:
    keep(ask_of("kvm2"), FOUND)
    cluster = Cluster.objects.get()
    common = common_of([cluster])[cluster.pk]
    assert (common.baseline, common.why) == (FOUND, None)
    assert [(held.host, held.features) for held in common.held] == [("kvm1", ("avx2",))]


def test_hosts_that_are_of_two_kinds_have_nothing_in_common(fleet: Site) -> None:
    change("kvm1", domain_types=("qemu",))
    ask = ask_of("kvm2")
    assert len(ask.kinds) == 2
    keep(ask, None)
    cluster = Cluster.objects.get()
    common = common_of([cluster])[cluster.pk]
    assert common.why
    assert common.why[0].startswith("Its hosts have no CPU in common")
    assert (common.baseline, computing()) == (Baseline(), [])


def test_a_new_machine_gets_it_where_the_cluster_says_so_and_there_are_several(fleet: Site) -> None:
    keep(ask_of("kvm2"), FOUND)
    assert cpu_for(Host.objects.get(name="kvm1")) == ""
    Cluster.objects.update(cpu="baseline")
    fleet.vm.host = Host.objects.get(name="kvm1")
    made = domain_xml(spec_of(fleet.vm))
    assert '<cpu mode="custom" match="exact" check="partial">' in made
    assert "<model>Nehalem</model>" in made
    Host.objects.filter(name="kvm2").update(domain_type="qemu")
    assert cpu_for(Host.objects.get(name="kvm1")) == ""
    assert cpu_for(Host.objects.get(name="kvm2")) == ""
