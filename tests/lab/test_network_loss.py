"""A host whose network is away for a minute: its machines run on, and nobody else waits."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import need_lab
from tests.lab.guests import diskless
from tests.lab.over_ssh import Site, adopt, becomes, standing
from tests.service.made_up import end_of
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import WrongState
from vrabec.models.hosts import HostState
from vrabec.models.jobs import JobState
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.vms import power_off_vm, start_vm

__all__ = ["engine"]
pytestmark = pytest.mark.lab
AWAY_SECONDS = 60.0


@pytest.fixture
def site(engine: None, tmp_path: Path, tmp_path_factory: Any, settings: Any) -> Iterator[Site]:
    """Two hosts with machines of ours, and on the first one that is not."""
    need_lab()
    roots = {"kvm1": None, "kvm2": None}
    with standing(roots, tmp_path, tmp_path_factory.mktemp("lab"), settings) as site:
        for machine in ("alpha", "omega", "stray"):
            site.make("kvm1", diskless(machine))
        site.make("kvm2", diskless("beta"))
        adopt(site.servers)
        site.agree()
        Project.objects.create(name="main")
        for machine in ("alpha", "omega", "beta"):
            adopt_vm(SYSTEM, vm_id=row(machine).pk, project="main")
        yield site


def row(name: str) -> Vm:
    return Vm.objects.present().select_related("host", "project").get(name=name)


def test_what_happens_while_the_network_is_away_is_right_once_it_is_back(site: Site) -> None:
    before = {name: site.lab(name).pids("qemu-system-x86") for name in site.servers}
    site.switch.cut("kvm1")
    away, waiting = time.monotonic(), power_off_vm(SYSTEM, vm=row("alpha"))
    becomes("kvm1", HostState.UNREACHABLE)
    site.lab("kvm1").run("virsh", "destroy", "stray")
    others_go_on(site)
    with pytest.raises(WrongState, match="The host of omega does not answer"):
        power_off_vm(SYSTEM, vm=row("omega"))
    failed = end_of(waiting)
    assert failed.state == JobState.FAILED
    assert failed.error_message.startswith("kvm1 does not answer.")
    time.sleep(max(0.0, away + AWAY_SECONDS - time.monotonic()))
    assert row("alpha").seen == Seen.RUNNING  # as it was last seen: its host is what is not known
    site.switch.join("kvm1")
    becomes("kvm1", HostState.ONLINE)
    site.agree()
    assert site.virsh("kvm1") == {("alpha", "running"), ("omega", "running"), ("stray", "shut off")}
    assert set(site.lab("kvm1").pids("qemu-system-x86")) < set(before["kvm1"])
    assert end_of(power_off_vm(SYSTEM, vm=row("alpha"))).state == JobState.DONE
    site.agree()


def others_go_on(site: Site) -> None:
    """The other host's machine stops and starts as if nothing had happened."""
    for act in (power_off_vm, start_vm):
        assert end_of(act(SYSTEM, vm=row("beta"))).state == JobState.DONE
        site.agree("kvm2")
