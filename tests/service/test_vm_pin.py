"""Machines that are bound to hosts: made, bound, freed, copied; and what placement makes of it."""

import pytest

from tests.cast import Site, site
from tests.service.test_placement import add_host, create, place, settle, words
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NoCapacity
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cover
from vrabec.models.vms import Vm
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_pin import pin_vm
from vrabec.services.vms import create_vm, place_vm

__all__ = ["site"]
pytestmark = pytest.mark.django_db


def pins(vm: Vm) -> list[str]:
    return sorted(host.name for host in vm.pinned_to.all())


def pin(site: Site, *hosts: str) -> Vm:
    return pin_vm(site.administrator.actor, vm_id=site.vm.pk, hosts=hosts)


def test_a_machine_is_made_on_one_of_its_hosts(site: Site) -> None:
    settle(site, cover=Cover.OFF)
    add_host("kvm2", memory_mib=2048)
    assert create(site, "free") == "kvm1"
    assert create(site, "bound", hosts=("kvm2", "kvm2")) == "kvm2"
    assert pins(Vm.objects.get(name="bound")) == ["kvm2"]
    with pytest.raises(NoCapacity, match=r"kvm1: The machine is bound to kvm2\."):
        create(site, "large", hosts=("kvm2",), memory_mib=3000)


def test_why_not_there_is_said_of_the_hosts_it_is_not_bound_to(site: Site) -> None:
    add_host("kvm2")
    wish = site.wish(hosts=("kvm2",))
    said = words(place_vm(site.administrator.actor, wish=wish))
    assert said["kvm1"] == "The machine is bound to kvm2."
    assert said["kvm2"].startswith("Chosen")


def test_only_administrators_bind(site: Site) -> None:
    with pytest.raises(Forbidden):
        create_vm(site.owner.actor, wish=site.wish(hosts=("kvm1",)))
    with pytest.raises(Forbidden):
        place(site, hosts=("kvm1",))
    with pytest.raises(Forbidden):
        pin_vm(site.owner.actor, vm_id=site.vm.pk, hosts=["kvm1"])


def test_a_machine_is_bound_and_freed_and_recorded(site: Site) -> None:
    add_host("kvm2")
    assert pins(pin(site, "kvm2", "kvm1")) == ["kvm1", "kvm2"]
    assert pins(pin(site)) == []
    assert [line.detail for line in Audit.objects.filter(action="vm.pin").order_by("pk")] == [
        {"before": [], "after": ["kvm1", "kvm2"]},
        {"before": ["kvm1", "kvm2"], "after": []},
    ]


def test_a_machine_is_not_bound_away_from_its_host(site: Site) -> None:
    add_host("kvm2")
    with pytest.raises(Conflict, match="kvm1 holds it now"):
        pin(site, "kvm2")
    assert pins(site.vm) == []


def test_a_host_that_is_not_there_is_named(site: Site) -> None:
    for act in (lambda: pin(site, "kvm9"), lambda: create(site, "fresh", hosts=("kvm9",))):
        with pytest.raises(Invalid, match="no host named kvm9") as refused:
            act()
        assert refused.value.field == "hosts"


def test_a_copy_is_bound_as_its_original(site: Site) -> None:
    pin(site, "kvm1")
    clone_vm(site.owner.actor, vm=site.vm, wish=CloneWish("copy", "alpha"))
    assert pins(Vm.objects.get(name="copy")) == ["kvm1"]
