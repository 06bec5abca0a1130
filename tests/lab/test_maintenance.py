"""A host is emptied and filled again, on three real hosts: what `virsh list` says there counts."""

import libvirt
import pytest

from tests.lab.engine import engine
from tests.lab.guests import diskless
from tests.lab.host import LabHost
from tests.lab.trio import Trio
from tests.service.made_up import end_of
from vrabec.hypervisor import connection, domains, lifecycle, migrate
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.maintenance import maintain_host, plan_maintenance, resume_host
from vrabec.services.vm_xml import Told, write_xml
from vrabec.workflows import maintenance

__all__ = ["engine"]
pytestmark = pytest.mark.lab


class Emptied(Trio):
    """a, b and c run on the first, which c cannot leave, d on the second."""

    def runs(self, **where: str) -> bool:
        """Whether both say this: a machine a letter."""
        wanted = {name: sorted(where.get(name, "")) for name in self.labs}
        assert self.virsh == self.rows == wanted
        return True


@pytest.fixture
def trio(engine: None, lab_trio: dict[str, LabHost], monkeypatch: pytest.MonkeyPatch) -> Emptied:
    monkeypatch.setattr(migrate, "LAB_FLAGS", libvirt.VIR_MIGRATE_UNSAFE)
    monkeypatch.setattr(maintenance, "REST_SECONDS", 0.2)
    for name, lab in lab_trio.items():
        host = Host.objects.create(name=name, uri=lab.uri, state=HostState.ONLINE, arch="x86_64")
        Host.objects.filter(pk=host.pk).update(cpus=2, memory_mib=4096, networks=["default"])
    for letter, name in zip("abcd", ("one", "one", "one", "two"), strict=True):
        _run(letter, lab_trio[name], Host.objects.get(name=name))
    Vm.objects.get(name="c").pinned_to.set([Host.objects.get(name="one")])
    return Emptied(lab_trio)


def _run(name: str, lab: LabHost, host: Host) -> None:
    """A machine that runs, as inventory would have seen it."""
    with connection.open_host(lab.uri) as there:
        lifecycle.define(there, diskless(name))
        uuid = next(one.uuid for one in domains.all_facts(there) if one.name == name)
        lifecycle.start(there, uuid)
        found = domains.facts(there, uuid)
    assert found
    vm = Vm.objects.create(
        name=name, domain_name=name, uuid=uuid, host=host, cpus=1, memory_mib=32, network="default",
        seen=Seen.RUNNING, wished=Wished.ON,
    )  # fmt: skip
    write_xml(vm.pk, Told(found.xml, found.needs, found.digest))


def at(name: str) -> Host:
    return Host.objects.select_related("cluster").get(name=name)


def test_a_host_is_emptied_and_filled_again_and_all_agree_at_each_pause(trio: Emptied) -> None:
    assert trio.runs(one="abc", two="d")
    plan = plan_maintenance(SYSTEM, host=at("one"))
    assert ({move.name for move in plan.moves}, [stay.name for stay in plan.stays]) == ({"a", "b"}, ["c"])
    job = end_of(maintain_host(SYSTEM, host=at("one")))
    assert (job.state, job.error_message) == (JobState.DONE, "")
    assert trio.virsh["one"] == ["c"]
    assert trio.virsh == trio.rows
    assert sorted(trio.virsh["two"] + trio.virsh["three"]) == ["a", "b", "d"]
    assert end_of(resume_host(SYSTEM, host=at("one"))).state == JobState.DONE
    assert trio.runs(one="abc", two="d")


def test_a_target_that_loses_power_gets_nothing_more(trio: Emptied) -> None:
    plan = plan_maintenance(SYSTEM, host=at("one"))
    gone = plan.moves[0].to
    left = next(name for name in ("two", "three") if name != gone)
    trio.labs[gone].power_loss()
    job = end_of(maintain_host(SYSTEM, host=at("one")))
    assert job.state == JobState.DONE
    assert trio.labs["one"].run("virsh", "list", "--name").split() == ["c"]
    assert {"a", "b"} <= set(trio.labs[left].run("virsh", "list", "--name").split())
    trio.labs[gone].power_on()
