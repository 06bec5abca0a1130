"""A guest that is moved with its disk notices nothing: looked at from inside, by its agent, on both hosts."""

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import lab_pair
from tests.lab.host import LabHost
from tests.lab.inside import TICK, inside
from tests.lab.kept import folder
from tests.lab.pair import OWN_FOLDER
from tests.service.made_up import end_of
from vrabec.hypervisor import agent, connection, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.integrations.images import tiny
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import POOL, Host, HostState
from vrabec.models.jobs import JobState
from vrabec.models.projects import Project
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Seen, Vm
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vms import create_vm
from vrabec.services.wishes import VmWish
from vrabec.workflows.vms import disk_name

__all__ = ["engine", "lab_pair"]
pytestmark = pytest.mark.lab
BOOT_SECONDS = 240


@pytest.fixture
def hosts(
    engine: None, lab_pair: tuple[LabHost, LabHost], settings: Any
) -> Iterator[tuple[HostConnection, HostConnection]]:
    """Two hosts with pools of their own, and the template tiny on neither yet."""
    settings.VRABEC_IMAGES_DIR = OWN_FOLDER
    for lab in lab_pair:
        host = Host.objects.create(name=lab.name, uri=lab.uri, state=HostState.ONLINE, arch="x86_64")
        Host.objects.filter(pk=host.pk).update(
            cpus=2, memory_mib=2**20, networks=["default"], domain_type="qemu", pool_free_mib=9000
        )
    Project.objects.create(name="main")
    _add_tiny()
    with connection.open_host(lab_pair[0].uri) as one, connection.open_host(lab_pair[1].uri) as two:
        for host in (one, two):
            storage.ensure_pool(host, POOL, OWN_FOLDER)
        yield one, two


def _add_tiny() -> None:
    image = tiny.build(folder(), lambda percent, what: None, lambda: False)
    Template.objects.create(
        name="tiny", title="Tiny", builder="tiny", state=TemplateState.READY, path=str(image.path),
        sha256=hashlib.sha256(image.path.read_bytes()).hexdigest(), size_bytes=image.size_bytes,
        disk_mib=128, memory_mib=192, has_agent=True,
    )  # fmt: skip


def wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def checksum(host: HostConnection, uuid: str) -> str:
    """Of what lies on its disk, template and own, read anew."""
    read = "; ".join(f"dd if=/dev/vda bs=1M skip={skip} count={n} 2>&-" for skip, n in ((0, 16), (200, 2)))
    return inside(host, uuid, f"echo 3 >/proc/sys/vm/drop_caches; ({read}) | md5sum")


def test_its_clock_ticks_on_and_its_disk_came_along(hosts: tuple[HostConnection, HostConnection]) -> None:
    one, two = hosts
    made = end_of(create_vm(SYSTEM, wish=VmWish("heron", "main", "tiny", 1, 192, 256, network="default")))
    assert made.state == JobState.DONE, made.error_message
    vm = Vm.objects.select_related("host", "project").get()
    uuid, (here, there) = str(vm.uuid), (one, two) if vm.host and vm.host.name == "one" else (two, one)
    wait_until(lambda: agent.ping(here, uuid))
    boot = inside(here, uuid, "cat /proc/sys/kernel/random/boot_id")
    inside(here, uuid, f"({TICK}) >/dev/null 2>&1 &")
    inside(here, uuid, "dd if=/dev/urandom of=/dev/vda bs=1M seek=200 count=2 conv=fsync")
    held = checksum(here, uuid)
    wait_until(lambda: len(inside(here, uuid, "cat /tmp/ticks").split()) > 2)
    vm.refresh_from_db()
    Vm.objects.filter(pk=vm.pk).update(is_ready=True, seen=Seen.RUNNING)
    job = end_of(migrate_vm(SYSTEM, vm=Vm.objects.select_related("host", "project").get()))
    assert job.state == JobState.DONE, (job.error_message, job.error_raw)
    wait_until(lambda: agent.ping(there, uuid))
    moved = [int(tick) for tick in inside(there, uuid, "cat /tmp/ticks").split()]
    wait_until(lambda: len(inside(there, uuid, "cat /tmp/ticks").split()) > len(moved) + 1)
    ticks = [int(tick) for tick in inside(there, uuid, "cat /tmp/ticks").split()]
    assert inside(there, uuid, "cat /proc/sys/kernel/random/boot_id") == boot
    assert ticks == sorted(ticks)
    assert ticks[: len(moved)] == moved
    assert Vm.objects.get().is_ready
    assert checksum(there, uuid) == held
    disk = storage.volume(there, POOL, disk_name(vm))
    assert disk
    assert disk.backing_path.startswith(f"{OWN_FOLDER}/template-tiny-")
    assert [name for name in storage.volume_names(here, POOL) if "template" not in name] == []
