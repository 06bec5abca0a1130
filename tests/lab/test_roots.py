"""A lab host of another Debian runs that Debian's libvirt and QEMU, and writes nothing into its root."""

import libvirt
import pytest

from tests.lab import LabHost
from tests.lab.roots import hypervisor_root, other_suite

pytestmark = pytest.mark.lab


def _versions(host: LabHost) -> tuple[int, int]:
    """Libvirt's and QEMU's, as millions, thousands and units."""
    connection = libvirt.open(host.uri)
    found = connection.getLibVersion(), connection.getVersion()
    connection.close()
    return found


def test_another_debian_runs_its_own_libvirt_and_qemu(lab_host: LabHost, other_lab_host: LabHost) -> None:
    ours, others = _versions(lab_host), _versions(other_lab_host)
    assert ours[0] != others[0]
    assert ours[1] != others[1]
    assert f"VERSION_CODENAME={other_suite()}" in other_lab_host.run("cat", "/etc/os-release")


def test_what_a_host_writes_stays_out_of_its_root(other_lab_host: LabHost) -> None:
    other_lab_host.run("touch", "/usr/written")
    assert not (hypervisor_root(other_suite()) / "usr/written").exists()
