"""Three hosts over ssh, of two Debians, with machines that were there before us.

They are found as they are, one moves, one host is emptied and filled again, one is lost and comes back.
At every pause what `virsh` lists on each host is what our rows say.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.e2e.waiting import wait_until
from tests.lab.engine import engine
from tests.lab.fixtures import need_lab
from tests.lab.guests import booting, diskless
from tests.lab.inside import TICK, inside
from tests.lab.kept import folder
from tests.lab.over_ssh import Site, adopt, becomes, standing
from tests.lab.roots import hypervisor_root, other_suite
from tests.service.made_up import end_of
from vrabec.hypervisor import agent, connection, migrate
from vrabec.integrations.images import tiny
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import Conflict
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import JobState
from vrabec.models.projects import Project
from vrabec.models.vms import Vm
from vrabec.services.maintenance import maintain_host, plan_maintenance, resume_host
from vrabec.services.targets import targets_of
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.ways import uri_of

__all__ = ["engine"]
pytestmark = pytest.mark.lab
NAMES = ("kvm1", "kvm2", "kvm3")


@pytest.fixture
def site(
    engine: None, tmp_path: Path, tmp_path_factory: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Two hosts of this Debian and one of another, with a folder in common, and inventory at work."""
    need_lab()
    monkeypatch.setattr(migrate, "LAB_FLAGS", libvirt.VIR_MIGRATE_UNSAFE)
    roots = dict(zip(NAMES, (None, None, hypervisor_root(other_suite())), strict=True))
    with standing(roots, tmp_path, tmp_path_factory.mktemp("lab"), settings) as site:
        yield site


def row(name: str) -> Vm:
    return Vm.objects.present().select_related("host", "project").get(domain_name=name)


def move(name: str, to: str) -> None:
    job = end_of(migrate_vm(SYSTEM, vm=row(name), to=to))
    assert job.state == JobState.DONE, (job.error_message, job.error_raw)


def ticks(name: str) -> list[int]:
    """What the machine has written each second, asked where its row says it is."""
    vm = row(name)
    assert vm.host
    with connection.open_host(uri_of(vm.host)) as host:
        wait_until(lambda: agent.ping(host, str(vm.uuid)), "the agent", seconds=120)
        return [int(tick) for tick in inside(host, str(vm.uuid), "cat /tmp/ticks").split()]


def start_ticking(name: str) -> None:
    vm = row(name)
    assert vm.host
    with connection.open_host(uri_of(vm.host)) as host:
        wait_until(lambda: agent.ping(host, str(vm.uuid)), "the agent", seconds=120)
        inside(host, str(vm.uuid), f"({TICK}) >/dev/null 2>&1 &")


def test_three_hosts_are_adopted_as_they_are_a_machine_moves_and_a_host_dies(
    site: Site, tmp_path: Path
) -> None:
    image = tiny.build(folder(), lambda percent, what: None, lambda: False)
    shutil.copyfile(image.path, tmp_path / "shared/heron.qcow2")
    site.make("kvm1", booting("heron", tmp_path / "shared/heron.qcow2"))
    for name, machine in zip(NAMES, ("alpha", "beta", "gamma"), strict=True):
        site.make(name, diskless(machine))
    are_adopted_as_they_are(site)
    its_clock_ticks_on_wherever_it_goes(site)
    what_cannot_move_is_told_before()
    a_host_is_emptied_and_filled_again(site)
    a_host_dies_and_comes_back(site)


def are_adopted_as_they_are(site: Site) -> None:
    before = site.definitions()
    adopt(site.servers)
    for name in NAMES:
        becomes(name, HostState.ONLINE)
    site.agree()
    assert site.definitions() == before


def its_clock_ticks_on_wherever_it_goes(site: Site) -> None:
    """To the newer Debian, and back to one of the older: its machine type is the older's."""
    Project.objects.create(name="main")
    first = adopt_vm(SYSTEM, vm_id=row("heron").pk, project="main")
    start_ticking("heron")
    move("heron", "kvm3")
    site.agree()
    assert site.virsh("kvm3") == {("heron", "running"), ("gamma", "running")}
    seen = ticks("heron")
    move("heron", "kvm2")
    site.agree()
    wait_until(lambda: len(ticks("heron")) > len(seen) + 1, "its clock ticks on")
    assert ticks("heron")[: len(seen)] == seen == sorted(seen)
    moved = row("heron")
    assert (moved.pk, moved.project, moved.uuid) == (first.pk, first.project, first.uuid)


def what_cannot_move_is_told_before() -> None:
    """A machine of the newer Debian's type."""
    whys = {target.host.name: target.reasons for target in targets_of(SYSTEM, vm=row("gamma"))}
    assert whys["kvm1"] == whys["kvm2"]
    assert whys["kvm1"][0].startswith("Its QEMU does not know the machine type pc-")
    with pytest.raises(Conflict, match="Its QEMU does not know the machine type"):
        migrate_vm(SYSTEM, vm=row("gamma"), to="kvm1")


def a_host_is_emptied_and_filled_again(site: Site) -> None:
    """The one with the ticking machine, to wherever there is room; and each comes back to it."""
    before = site.virsh("kvm2")
    assert before == {("heron", "running"), ("beta", "running")}
    host = Host.objects.get(name="kvm2")
    assert {move.name for move in plan_maintenance(SYSTEM, host=host).moves} == {"heron", "beta"}
    seen = ticks("heron")
    emptied = end_of(maintain_host(SYSTEM, host=host))
    assert emptied.state == JobState.DONE, (emptied.error_message, emptied.error_raw)
    site.agree()
    assert site.virsh("kvm2") == set()
    assert before <= site.virsh("kvm1") | site.virsh("kvm3")
    filled = end_of(resume_host(SYSTEM, host=host))
    assert filled.state == JobState.DONE, (filled.error_message, filled.error_raw)
    site.agree()
    assert site.virsh("kvm2") == before
    assert ticks("heron")[: len(seen)] == seen


def a_host_dies_and_comes_back(site: Site) -> None:
    site.lab("kvm1").power_loss()
    becomes("kvm1", HostState.UNREACHABLE)
    site.agree("kvm2", "kvm3")
    site.lab("kvm1").power_on()
    site.servers["kvm1"].start()
    becomes("kvm1", HostState.ONLINE)
    site.agree()
    assert site.virsh("kvm1") == {("alpha", "shut off")}
