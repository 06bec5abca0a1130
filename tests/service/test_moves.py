"""Clusters as planning moves needs them: what can go where, and in words why the others cannot."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, make_host, site
from vrabec.lib.clock import now
from vrabec.lib.fit import Needs, Offers, Why
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, VmLoad, Wished
from vrabec.scheduler.rules import movable
from vrabec.services import moves
from vrabec.services.moves import Movable, read_movable
from vrabec.services.vm_xml import Told, write_xml

__all__ = ["site"]
pytestmark = pytest.mark.django_db
ON = {"seen": Seen.RUNNING, "wished": Wished.ON}


def read(site: Site, **given: Any) -> Movable:
    cluster = Cluster.objects.get(pk=site.host.cluster_id)
    found = read_movable(cluster, **given)
    assert found
    return found


def whys(found: Movable) -> dict[str, Why]:
    return {found.names[place]: why for place, why in found.stuck.items()}


def free_hosts(found: Movable, name: str) -> list[str]:
    """Where it can go, as the scheduler has it; what it is told agrees with that."""
    place = found.names.index(name)
    fits = movable(found.stock.use, place)
    assert [why is None for why in found.barred[place]] == [
        (int(found.stock.fleet.vms.needs[place]) & ~int(offers)) == 0
        for offers in found.stock.fleet.hosts.offers
    ]
    return [host.name for host, can in zip(found.stock.hosts, fits, strict=True) if can]


def says(found: Movable, name: str, host: str) -> Why | None:
    places = [row.name for row in found.stock.hosts]
    return found.barred[found.names.index(name)][places.index(host)]


def test_a_machine_goes_where_what_it_needs_is(site: Site) -> None:
    for name in ("kvm2", "kvm3", "kvm4"):
        make_host(name)
    Host.objects.filter(name="kvm2").update(offers=Offers(machines=("pc-q35-7.2",)).stored())
    Host.objects.filter(name="kvm3").update(networks=["other"])
    needs = Needs(machine="q35-9", networks=("default",))
    write_xml(site.make_vm("picky", **ON).pk, Told("<domain/>", needs, "1"))
    site.make_vm("easy", **ON)
    found = read(site)
    assert free_hosts(found, "picky") == ["kvm4"]
    assert free_hosts(found, "easy") == ["kvm2", "kvm3", "kvm4"]
    assert says(found, "picky", "kvm2") == (
        "Its QEMU does not know the machine type %(machine)s.",
        {"machine": "q35-9"},
    )
    assert says(found, "picky", "kvm3") == ("It has no network %(network)s.", {"network": "default"})


def test_pins_names_and_hosts_that_were_tried_bar_the_others(site: Site) -> None:
    two, three = make_host("kvm2"), make_host("kvm3")
    bound, twin, tried = (site.make_vm(name, **ON) for name in ("bound", "twin", "tried"))
    bound.pinned_to.set([site.host, three])
    site.make_vm("other", host=two, uuid=twin.uuid)
    found = read(site, tried={tried.pk: [two.pk]})
    assert [free_hosts(found, name) for name in ("bound", "twin", "tried")] == [["kvm3"]] * 3
    assert says(found, "bound", "kvm2") == ("The machine is bound to %(hosts)s.", {"hosts": "kvm1, kvm3"})
    assert says(found, "tried", "kvm2") == ("It was tried there, and did not move.", {})


def test_what_cannot_move_is_pinned_and_says_why(site: Site) -> None:
    make_host("kvm2")
    paused, held, busy = (site.make_vm(name, **ON) for name in ("paused", "held", "busy"))
    Vm.objects.filter(pk=paused.pk).update(seen=Seen.PAUSED)
    write_xml(held.pk, Told("<domain/>", Needs(devices=("pci 0-1",)), "1"))
    Job.objects.create(kind="vm.reboot", vm=busy, host=site.host, created_by_name="ada")
    found = read(site)
    assert {name: why[0] for name, why in whys(found).items()} == {
        "paused": "It is paused: resume it first.",
        "held": "It holds a device of its host (%(device)s): take that away first.",
        "busy": "Another job works on it.",
    }
    assert found.stock.fleet.vms.pinned.all()


def test_a_farm_keeps_apart_also_from_its_machines_that_are_off(site: Site) -> None:
    two, three = make_host("kvm2"), make_host("kvm3")
    site.make_vm("ldap-1", farm="ldap", **ON)
    site.make_vm("ldap-2", farm="ldap", host=two)
    site.make_vm("ldap-3", farm="ldap", host=three, project=site.other, **ON)
    assert free_hosts(read(site), "ldap-1") == ["kvm3"]


def test_load_is_told_in_parts_of_a_usual_host(site: Site) -> None:
    vm = site.make_vm("busy", cpus=2, **ON)
    VmLoad.objects.create(
        vm=vm,
        cpu_percent=50,
        memory_used_mib=1024,
        disk_read_bytes_s=5e6,
        net_sent_bytes_s=125e5,
        seen_at=now(),
    )
    assert read(site).stock.fleet.vms.load.tolist() == [[0.25, 0.25, 0.01, 0.1]]


def test_machines_whose_needs_find_no_bit_stay(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "MOST_BITS", 1)
    two, three = make_host("kvm2"), make_host("kvm3")
    for name, host in (("usual-1", two), ("usual-2", two), ("rare", three)):
        site.make_vm(name, **ON).pinned_to.set([site.host, host])
    found = read(site)
    assert {name: why[0] for name, why in whys(found).items()} == {
        "rare": "What it needs is too rare to be planned with: move it by itself."
    }
    assert movable(found.stock.use, found.names.index("usual-1")).tolist() == [False, True, False]


def test_more_machines_cost_no_more_queries(site: Site) -> None:
    site.make_vm("vm-0", farm="a", **ON)
    with CaptureQueriesContext(connection) as few:
        read(site)
    make_host("kvm2")
    for number in range(1, 9):
        site.make_vm(f"vm-{number}", farm="a", **ON).pinned_to.set([site.host])
    with CaptureQueriesContext(connection) as many:
        read(site)
    assert len(few) == len(many) == 10
