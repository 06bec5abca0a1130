"""Machines that boot by UEFI, on a real host with and without the firmware."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.host import LabHost
from tests.unit.test_xml import TINY
from vrabec.hypervisor import domains, lifecycle, xml
from vrabec.hypervisor.connection import HostConnection, open_host
from vrabec.hypervisor.spec import DomainState
from vrabec.lib.errors import HostError

pytestmark = pytest.mark.lab
SPEC = replace(TINY, firmware="uefi", disk_path="/var/lib/libvirt/images/disk.qcow2", memory_mib=128)
FIRMWARE = "/usr/share/qemu/firmware"


@pytest.fixture
def connection(fresh_lab_host: LabHost) -> Iterator[HostConnection]:
    """A host with the machine defined."""
    disk = fresh_lab_host.images / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disk, "10M"], check=True)
    with open_host(fresh_lab_host.uri) as opened:
        lifecycle.define(opened, xml.domain_xml(SPEC))
        yield opened


def test_a_machine_starts_by_uefi_and_takes_its_variables_along(
    fresh_lab_host: LabHost, connection: HostConnection
) -> None:
    lifecycle.start(connection, SPEC.uuid)
    found = domains.facts(connection, SPEC.uuid)
    assert found
    assert found.state == DomainState.RUNNING
    variables = fresh_lab_host.storage / "qemu/nvram"
    assert [path.name for path in variables.iterdir()] == [f"{SPEC.name}_VARS.fd"]
    lifecycle.destroy(connection, SPEC.uuid)
    lifecycle.undefine(connection, SPEC.uuid)
    assert list(variables.iterdir()) == []


def test_a_host_without_uefi_says_what_to_install(
    fresh_lab_host: LabHost, connection: HostConnection
) -> None:
    if Path(FIRMWARE).is_dir():
        fresh_lab_host.run("mount", "-t", "tmpfs", "nothing", FIRMWARE)
    with pytest.raises(HostError, match="install the package ovmf there, or choose BIOS"):
        lifecycle.start(connection, SPEC.uuid)
