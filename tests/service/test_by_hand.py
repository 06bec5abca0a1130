"""What somebody does on the hosts themselves, as two watches see it: no row loses what hangs on it."""

from collections.abc import Iterator
from uuid import uuid4

import libvirt
import pytest

from tests.e2e.waiting import wait_until
from tests.lab import TestFleetHost
from vrabec.hypervisor.reader import Readers
from vrabec.inventory.turns import Turns
from vrabec.inventory.watch import HostWatch
from vrabec.inventory.writer import Writer
from vrabec.models.hosts import Host, HostState
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.whereabouts import twins_of

MACHINE = (
    "<domain type='test'><name>{}</name><uuid>{}</uuid><memory>1024</memory>"
    "<os><type>hvm</type></os></domain>"
)


class Hand:
    """Somebody with virsh on one host."""

    def __init__(self, host: TestFleetHost) -> None:
        self._host = libvirt.open(host.uri)

    def define(self, name: str, uuid: str) -> None:
        """As `virsh define` does; the machine is off."""
        self._host.defineXML(MACHINE.format(name, uuid))

    def start(self, uuid: str) -> None:
        """As `virsh start` does."""
        self._host.lookupByUUIDString(uuid).create()

    def rename(self, uuid: str, name: str) -> None:
        """As `virsh domrename` does."""
        self._host.lookupByUUIDString(uuid).rename(name)

    def remove(self, uuid: str) -> None:
        """As `virsh destroy` and `virsh undefine` do."""
        domain = self._host.lookupByUUIDString(uuid)
        if domain.isActive():
            domain.destroy()
        domain.undefine()


@pytest.fixture
def hands(transactional_db: None) -> Iterator[tuple[Hand, Hand]]:
    """Two hosts that are watched."""
    writer = Writer()
    writer.start()
    with TestFleetHost() as one, TestFleetHost() as two:
        rows = [Host.objects.create(name=name, uri=host.uri) for name, host in (("one", one), ("two", two))]
        turns, readers = Turns(), Readers()
        watches = [HostWatch(row, writer, turns, readers) for row in rows]
        for watch in watches:
            watch.start()
        wait_until(lambda: Host.objects.filter(state=HostState.ONLINE).count() == 2, "online")
        yield Hand(one), Hand(two)
        for watch in watches:
            watch.stop()
        for watch in watches:
            watch.join(30)
            watch.guests.join(30)
    writer.stop()
    writer.join(30)


def at(vm_id: int) -> str:
    """The host of a machine that is there."""
    found = Vm.objects.present().filter(pk=vm_id).values_list("host__name", flat=True).first()
    return found or ""


def ids(uuid: str) -> list[int]:
    return list(Vm.objects.present().filter(uuid=uuid).order_by("pk").values_list("pk", flat=True))


def given(hand: Hand, name: str) -> tuple[str, int]:
    """A machine made by hand and given to a project: its UUID, and our id."""
    uuid = str(uuid4())
    hand.define(name, uuid)
    wait_until(lambda: len(ids(uuid)) == 1, "found")
    Vm.objects.filter(uuid=uuid).update(project=Project.objects.get_or_create(name="main")[0])
    return uuid, ids(uuid)[0]


def test_renamed_removed_and_made_anew(hands: tuple[Hand, Hand]) -> None:
    hand, _ = hands
    uuid, vm_id = given(hand, "old")
    hand.rename(uuid, "other")
    wait_until(lambda: Vm.objects.get(pk=vm_id).name == "other", "another name")
    hand.remove(uuid)
    wait_until(lambda: not ids(uuid), "gone")
    hand.define("new", uuid)
    wait_until(lambda: ids(uuid) == [vm_id], "the same row")
    row = Vm.objects.get(pk=vm_id)
    assert (row.name, row.project and row.project.name) == ("new", "main")


def test_moved_from_one_host_to_the_other(hands: tuple[Hand, Hand]) -> None:
    one, two = hands
    uuid, vm_id = given(one, "web")
    two.define("web", uuid)
    wait_until(lambda: len(ids(uuid)) == 2, "a copy")
    assert [twin.host.name for twin in twins_of([Vm.objects.get(pk=vm_id)])[vm_id] if twin.host] == ["two"]
    one.remove(uuid)
    wait_until(lambda: (ids(uuid), at(vm_id)) == ([vm_id], "two"), "it follows")
    two.start(uuid)
    wait_until(lambda: Vm.objects.get(pk=vm_id).seen == Seen.RUNNING, "its own row says that it runs")
    two.remove(uuid)
    wait_until(lambda: not ids(uuid), "gone")
    one.define("web", uuid)
    wait_until(lambda: (ids(uuid), at(vm_id)) == ([vm_id], "one"), "and back")
    assert Vm.objects.get(pk=vm_id).project
