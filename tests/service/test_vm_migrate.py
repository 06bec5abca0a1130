"""Where a machine may move, who may move it, and what is in the way, out of what is stored."""

from typing import Any

import pytest

from tests.cast import Site, make_host, site
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NoCapacity, WrongState
from vrabec.lib.fit import Needs
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm
from vrabec.services.hosts import remove_host
from vrabec.services.placement import rooms
from vrabec.services.targets import address_of, targets_of
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vm_xml import Told, write_xml

__all__ = ["site"]


@pytest.fixture
def fleet(site: Site) -> Site:
    """The machine runs on kvm1; kvm2 and kvm3 are like it, and kvm3 has more memory."""
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING, domain_name="alpha.web")
    make_host("kvm2")
    make_host("kvm3")
    Host.objects.filter(name="kvm3").update(memory_mib=8192)
    return site


def running(site: Site) -> Vm:
    return Vm.objects.select_related("host", "project").get(pk=site.vm.pk)


def whys(site: Site) -> dict[str, list[str]]:
    found = targets_of(site.administrator.actor, vm=running(site))
    return {target.host.name: target.reasons for target in found}


def move(site: Site, to: str = "") -> Job:
    return migrate_vm(site.administrator.actor, vm=running(site), to=to)


def test_every_host_is_listed_the_best_first(fleet: Site) -> None:
    assert whys(fleet) == {"kvm3": [], "kvm2": [], "kvm1": ["It runs there already."]}
    assert list(whys(fleet)) == ["kvm3", "kvm2", "kvm1"]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"state": HostState.UNREACHABLE}, "It does not answer."),
        ({"memory_mib": 512}, "It has 0 MiB of memory left."),
        ({"cpus": 0}, "It has only 0 CPUs."),
        ({"networks": []}, "It has no network lan."),
        ({"offers": {"machines": ["pc"]}}, "Its QEMU does not know the machine type q35."),
    ],
)
def test_what_is_in_the_way_of_a_host_is_said(fleet: Site, columns: dict[str, Any], why: str) -> None:
    Host.objects.update(networks=["lan"])
    write_xml(fleet.vm.pk, Told("<domain/>", Needs(machine="q35", networks=("lan",)), "1"))
    Host.objects.filter(name="kvm2").update(**columns)
    assert whys(fleet)["kvm2"] == [why]
    with pytest.raises(Conflict, match=f"web cannot move to kvm2. {why} These would do: kvm3."):
        move(fleet, "kvm2")


def test_a_machine_of_this_uuid_or_name_is_in_the_way(fleet: Site) -> None:
    two, three = Host.objects.exclude(pk=fleet.host.pk).order_by("name")
    Vm.objects.create(host=two, uuid=fleet.vm.uuid, name="x", domain_name="x", is_managed=False)
    Vm.objects.create(host=three, name="alpha.web", domain_name="alpha.web", is_managed=False)
    assert whys(fleet)["kvm2"] == whys(fleet)["kvm3"] == ["It has a machine with this name or UUID already."]
    with pytest.raises(NoCapacity, match=r"web cannot move to any host\. kvm2: It has a machine"):
        move(fleet)


def test_without_a_name_the_best_host_is_taken_and_recorded(fleet: Site) -> None:
    job = move(fleet)
    target = Host.objects.get(name="kvm3")
    assert (job.kind, job.host, job.args["target"], job.args["source"]) == (
        "vm.migrate", fleet.host, target.pk, fleet.host.pk,
    )  # fmt: skip
    line = Audit.objects.get(action="vm.migrate")
    said = {"before": "kvm1", "to": "kvm3", "if_too_fast": "slow"}
    assert (line.subject, line.detail) == ("web", said)


def test_what_is_done_when_it_writes_too_fast_is_kept_and_recorded(fleet: Site) -> None:
    with pytest.raises(Invalid, match="these are: slow, wait, switch") as raised:
        migrate_vm(fleet.administrator.actor, vm=running(fleet), if_too_fast="hurry")
    assert raised.value.field == "if_too_fast"
    job = migrate_vm(fleet.administrator.actor, vm=running(fleet), if_too_fast="switch")
    assert job.args["if_too_fast"] == "switch"
    assert Audit.objects.get(action="vm.migrate").detail["if_too_fast"] == "switch"


def test_its_memory_is_promised_on_the_host_it_comes_to(fleet: Site) -> None:
    before = {room.name: room.promised_mib for room in rooms()}
    job = move(fleet, "kvm2")
    after = {room.name: room.promised_mib for room in rooms()}
    assert after["kvm2"] == before["kvm2"] + fleet.vm.memory_mib
    assert after["kvm1"] == before["kvm1"]
    Job.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    assert {room.name: room.promised_mib for room in rooms()} == before


def test_an_unknown_host_is_named(fleet: Site) -> None:
    with pytest.raises(Invalid, match="There is no host named nowhere") as raised:
        move(fleet, "nowhere")
    assert raised.value.field == "to"


def test_only_what_runs_moves_and_only_administrators_move_it(fleet: Site) -> None:
    with pytest.raises(Forbidden):
        migrate_vm(fleet.owner.actor, vm=running(fleet))
    with pytest.raises(Forbidden):
        targets_of(fleet.owner.actor, vm=running(fleet))
    Vm.objects.filter(pk=fleet.vm.pk).update(seen=Seen.OFF)
    with pytest.raises(WrongState, match="web is off"):
        move(fleet)


def test_two_cannot_move_it_at_once(fleet: Site) -> None:
    first = move(fleet, "kvm2")
    with pytest.raises(Conflict, match=f"Another job works on web: job {first.pk}, vm.migrate."):
        move(fleet, "kvm3")


def test_a_host_that_a_machine_moves_to_stays(fleet: Site) -> None:
    job = move(fleet, "kvm2")
    with pytest.raises(Conflict, match=f"web moves from or to kvm2: job {job.pk}"):
        remove_host(fleet.administrator.actor, host=Host.objects.get(name="kvm2"))
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE)
    remove_host(fleet.administrator.actor, host=Host.objects.get(name="kvm2"))
    assert not Host.objects.present().filter(name="kvm2").exists()


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("qemu+ssh://root@kvm2/system", "kvm2"),
        ("qemu+ssh://root@10.0.0.5:2222/system", "10.0.0.5"),
        ("qemu+ssh://root@[fd00::5]/system", "[fd00::5]"),
        ("qemu+ssh://root@localhost/system", ""),
        ("qemu+ssh://root@127.0.0.1/system", ""),
        ("qemu:///system", ""),
    ],
)
def test_a_host_is_reached_by_others_as_by_us(uri: str, address: str) -> None:
    assert address_of(Host(uri=uri)) == address
