"""A machine on the first of two hosts: with a folder in common, or each with a pool of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.host import LabHost
from tests.sweep.machines import OneMachine, make_template
from vrabec.hypervisor import connection, lifecycle, migrate, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.models.hosts import POOL, Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm

OWN_FOLDER = "/var/lib/libvirt/images/own"
"""Under this path every lab host has something else."""
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


class Pair:
    """A machine on the first of two hosts, as tests look at it."""

    def __init__(self, hosts: tuple[LabHost, LabHost], open_hosts: list[HostConnection]) -> None:
        self.labs = hosts
        self.hosts = open_hosts

    @property
    def row(self) -> Vm:
        """As it is now."""
        return Vm.objects.select_related("host", "project").get(deleted_at=None)

    @property
    def uuid(self) -> str:
        """Libvirt's."""
        return str(self.row.uuid)

    @property
    def places(self) -> tuple[str, ...]:
        """What both hosts have of it."""
        return tuple(migrate.place(host, self.uuid) for host in self.hosts)

    @property
    def virsh(self) -> list[list[str]]:
        """What virsh lists on both, running or not."""
        return [lab.run("virsh", "list", "--all", "--name").split() for lab in self.labs]

    @property
    def at(self) -> str:
        """Where the row says it is."""
        return self.row.host.name if self.row.host else ""

    @property
    def volumes(self) -> list[list[str]]:
        """What lies in both pools, but for templates."""
        found = (storage.volume_names(host, POOL) for host in self.hosts)
        return [[name for name in names if not name.startswith("template-")] for names in found]


@contextmanager
def two_hosts(labs: tuple[LabHost, LabHost], template: str) -> Iterator[Pair]:
    """The rows and the machine, on hosts whose pools are where the settings say."""
    one, two = labs
    stage = OneMachine(one.uri, template)
    stage.prepare()
    Host.objects.update(name="one")
    Host.objects.create(name="two", uri=two.uri, state=HostState.ONLINE, arch="x86_64")
    Host.objects.update(cpus=2, memory_mib=2**20, networks=["default"])
    with connection.open_host(two.uri) as second:
        yield Pair(labs, [stage.host, second])
    stage.host.close()


@pytest.fixture
def pair(engine: None, lab_pair: tuple[LabHost, LabHost], shared: Path, tmp_path: Path) -> Iterator[Pair]:
    """With one folder for both."""
    with two_hosts(lab_pair, make_template(tmp_path / "template.qcow2")) as made:
        yield made


@pytest.fixture
def apart(engine: None, lab_pair: tuple[LabHost, LabHost], tmp_path: Path, settings: Any) -> Iterator[Pair]:
    """Each with a pool of its own under the same path; libvirt judges by itself what is safe."""
    settings.VRABEC_IMAGES_DIR = OWN_FOLDER
    with two_hosts(lab_pair, full_template(tmp_path)) as made:
        storage.ensure_pool(made.hosts[1], POOL, OWN_FOLDER)
        yield made


def full_template(folder: Path) -> str:
    """One that takes eight seconds at a MiB a second."""
    (folder / "random").write_bytes(os.urandom(8 * 2**20))
    path = folder / "template.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", folder / "random", path], check=True)
    return str(path)


def slowly(pair: Pair) -> None:
    """So slow that it takes half a minute: a MiB a second, of memory that does not compress."""
    filling = Path(pair.labs[0].directory / "filling")
    filling.write_bytes(os.urandom(32 * 2**20))
    device = f"loader,file={filling},addr=0x1000000,force-raw=on"
    arguments = (
        f'<qemu:commandline><qemu:arg value="-device"/><qemu:arg value="{device}"/></qemu:commandline>'
    )
    xml = lifecycle.dump_xml(pair.hosts[0], pair.uuid)
    xml = xml.replace("<domain ", f'<domain xmlns:qemu="{QEMU}" ').replace(
        "</domain>", arguments + "</domain>"
    )
    lifecycle.destroy(pair.hosts[0], pair.uuid)
    lifecycle.define(pair.hosts[0], xml)
    lifecycle.start(pair.hosts[0], pair.uuid)
    slow_down(pair)


def slow_down(pair: Pair, mib_s: int = 1) -> None:
    """Limit the speed of its moves; a daemon that starts anew has forgotten such a limit."""
    pair.labs[0].run("virsh", "migrate-setspeed", pair.uuid, str(mib_s))


def fast(pair: Pair) -> None:
    """As fast as it goes."""
    slow_down(pair, 10_000)


def told(job: Job) -> dict[str, Any]:
    """What the job tells of itself."""
    return Job.objects.get(pk=job.pk).args.get("told", {})  # type: ignore[no-any-return]
