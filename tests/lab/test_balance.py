"""A cluster of three real hosts with a folder in common is balanced: what `virsh list` says there counts."""

import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.e2e.waiting import wait_until
from tests.lab.engine import engine
from tests.lab.guests import diskless
from tests.lab.host import LabHost
from tests.lab.trio import Trio
from tests.service.made_up import end_of
from vrabec.inventory import fleet
from vrabec.inventory.fleet import Fleet
from vrabec.lib.actor import SYSTEM
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Vm
from vrabec.services.balance import Balance, Queued, Wanted, move_wanted, propose
from vrabec.services.capacity import read_capacity
from vrabec.services.fleets import HOST_RESERVE_MIB
from vrabec.services.hosts import add_host
from vrabec.services.vm_migrate import migrate_vm
from vrabec.workflows import balance

__all__ = ["engine"]
pytestmark = pytest.mark.lab
DISK = '<disk type="file"><driver name="qemu" type="qcow2"/><source file="{file}"/><target dev="vda"/></disk>'


class Balanced(Trio):
    """In a cluster that keeps N+1, seen by inventory."""

    def __init__(self, labs: dict[str, LabHost], shared: Path) -> None:
        super().__init__(labs)
        self._shared = shared

    def agree(self) -> dict[str, list[str]]:
        """What runs where, once hosts and rows say the same."""
        wait_until(lambda: self.virsh == self.rows, "rows as the hosts are", seconds=30)
        return self.virsh

    def has_room_for(self, mib: int) -> None:
        """So much memory may be promised on each host, whatever this machine has."""
        least = min(Host.objects.values_list("memory_mib", flat=True))
        Cluster.objects.update(memory_ratio=mib / (least - HOST_RESERVE_MIB), cover=Cover.REFUSE)

    def runs(self, where: dict[str, dict[str, int]]) -> None:
        """Machines with so many MiB each, made by `virsh` with a disk that all hosts reach."""
        for name, machines in where.items():
            for machine, mib in machines.items():
                file = self._shared / f"{machine}.qcow2"
                subprocess.run(["qemu-img", "create", "-qf", "qcow2", file, "1M"], check=True)
                disk = DISK.format(file=file)
                xml = diskless(machine, memory_mib=mib).replace("<devices>", f"<devices>{disk}")
                path = self.labs[name].directory / "machine.xml"
                path.write_text(xml)
                self.labs[name].run("virsh", "define", str(path))
                self.labs[name].run("virsh", "start", machine)
        made = {name: sorted(where.get(name, {})) for name in self.labs}
        assert self.agree() == made

    def lost(self) -> list[str]:
        """Hosts whose machines would not all find a place if they died."""
        [cluster] = read_capacity(SYSTEM)
        return [one.host.name for one in cluster.hosts if one.lost]


@pytest.fixture
def trio(
    engine: None, lab_trio: dict[str, LabHost], shared: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Balanced]:
    monkeypatch.setattr(balance, "REST_SECONDS", 0.2)
    monkeypatch.setattr(fleet, "CLOCK_SECONDS", 0.2)
    watching = Fleet()
    watching.start()
    try:
        for job in [add_host(SYSTEM, name=name, uri=lab.uri) for name, lab in lab_trio.items()]:
            assert end_of(job).state == JobState.DONE
        wait_until(lambda: all(Host.objects.values_list("memory_mib", flat=True)), "all hosts were looked at")
        yield Balanced(lab_trio, shared)
    finally:
        watching.stop()


def proposed() -> Balance:
    return propose(SYSTEM, cluster=Cluster.objects.get())


def make(found: Balance) -> tuple[Queued, ...]:
    """All of them."""
    wanted = [Wanted(move.vm_id, move.target) for move in found.moves]
    return move_wanted(SYSTEM, cluster=found.cluster, wanted=wanted)


def ended(done: tuple[Queued, ...]) -> None:
    for one in done:
        if one.job:
            job = end_of(one.job)
            assert job.state == JobState.DONE, (job.error_message, job.error_raw)


def test_proposed_moves_are_made_but_for_one_that_somebody_made_meanwhile(trio: Balanced) -> None:
    trio.has_room_for(1600)
    trio.runs({"one": dict.fromkeys("abcdef", 256)})
    found = proposed()
    assert len(found.moves) == 4
    assert found.after < found.before
    gone, other = found.moves[0], next(name for name in ("two", "three") if name != found.moves[0].target)
    vm = Vm.objects.select_related("host", "project").get(pk=gone.vm_id)
    assert end_of(migrate_vm(SYSTEM, vm=vm, to=gone.target)).state == JobState.DONE
    done = make(found)
    assert [one.error.message if one.error else "" for one in done] == [
        f"{gone.name} cannot move to {gone.target}. It runs there already. These would do: {other}, one.",
        *[""] * 3,
    ]
    ended(done)
    assert [len(machines) for machines in trio.agree().values()] == [2, 2, 2]
    assert sorted(chain.from_iterable(trio.virsh.values())) == list("abcdef")
    for move in found.moves:
        assert move.name in trio.virsh[move.target]
    assert (trio.lost(), proposed().moves) == ([], ())


def test_by_the_clock_a_move_that_would_cost_cover_is_not_made(trio: Balanced) -> None:
    """Two small ones on the third host were more even; but then a large one would find no place."""
    trio.has_room_for(1000)
    trio.runs({"one": {"a": 600, "b": 250}, "two": {"c": 600, "d": 250}})
    assert trio.lost() == []
    Cluster.objects.update(balance_hours=1, balance_moves=5)
    wait_until(lambda: Job.objects.filter(kind="cluster.balance").exists(), "its time has come", seconds=30)
    job = end_of(Job.objects.get(kind="cluster.balance"))
    assert (job.state, job.created_by_name) == (JobState.DONE, "vrabec")
    assert sorted(map(len, trio.agree().values())) == [1, 1, 2]
    assert (trio.lost(), job.children.count()) == ([], 1)
    assert [line.message for line in job.lines.order_by("pk")][1:] == ["1 of 1 moves were made."]
    assert Job.objects.filter(kind="cluster.balance").count() == 1, "its next time is in an hour"
