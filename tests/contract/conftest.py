"""The sites that the contract holds for: libvirt's test driver, and QEMU on lab hosts of two Debians.

What the test driver cannot do is listed here, with the reason; pytest prints the list with -rs.
"""

import io
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.lab import LabHost, TestFleetHost
from tests.lab.fixtures import fleet_host, fresh_lab_host, lab_host, other_lab_host
from tests.lab.roots import other_suite
from vrabec.hypervisor import connection, domains, lifecycle, storage, transfer, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import VmSpec
from vrabec.lib.errors import VrabecError

__all__ = ["fleet_host", "fresh_lab_host", "lab_host", "other_lab_host"]

POOL = "contract"
NOT_IN_TEST_DRIVER = {
    "test_a_download_is_what_was_uploaded": "virStorageVolDownload",
    "test_an_upload_arrives_whole": "virStorageVolUpload",
    "test_an_upload_replaces_a_volume": "virStorageVolUpload",
    "test_an_upload_leaves_a_volume_that_others_build_on": "virStorageVolUpload",
    "test_data_that_ends_early_leaves_no_volume": "virStorageVolUpload",
    "test_an_upload_that_is_stopped_leaves_no_volume": "virStorageVolUpload",
    "test_an_upload_is_repeated_after_its_client_died": "virStorageVolUpload",
    "test_a_clone_without_its_base_is_refused": "looks at no file",
    "test_a_name_that_leaves_the_pool_is_refused": "looks at no file",
    "test_a_volume_that_a_shell_made_is_seen": "looks at no file",
    "test_a_volume_that_a_shell_removed_is_gone": "looks at no file",
    "test_a_clone_does_not_write_over_a_file_that_libvirt_has_not_seen": "looks at no file",
    "test_a_pool_that_cannot_be_made_is_not_left_behind": "makes no directory",
    "test_a_missing_disk_is_named": "looks at no file",
    "test_a_missing_seed_is_named": "looks at no file",
    "test_a_network_that_is_not_active_is_named": "ignores networks",
    "test_a_machine_whose_qemu_died_has_crashed": "has no process to die",
    "test_nvram_and_saved_memory_go_with_the_definition": "has no saved memory on disk",
    "test_the_schema_of_libvirt_accepts_what_we_write": "has no schema check",
    "test_a_copy_holds_the_same_bytes_in_a_larger_disk": "virStorageVolUpload",
    "test_a_disk_in_use_is_not_copied": "has no process that locks it",
    "test_a_disk_grows_off_and_running_and_never_shrinks": "virStorageVolResize",
    "test_a_reset_restarts_and_is_told": "tells of no restart",
    "test_a_screen_speaks_vnc_and_outlives_the_connection_it_came_over": "has no screens",
    "test_a_screen_can_be_seen_by_several": "has no screens",
    "test_a_serial_line_has_one_reader_until_another_takes_it": "has no serial lines",
    "test_a_serial_line_that_was_given_back_is_free": "has no serial lines",
    "test_a_serial_line_ends_with_the_machine": "has no serial lines",
    "test_the_connection_is_good_after_a_refused_picture": "has a picture of a machine that is off",
    "test_a_sample_counts_what_a_machine_uses": "its counters are all zero",
}


@dataclass(frozen=True)
class Site:
    """Where a contract is tried: a host, the type of its machines and the directory of its pool."""

    host: LabHost | TestFleetHost
    domain_type: str
    directory: str

    @property
    def uri(self) -> str:
        return self.host.uri


QEMU = {"qemu": "lab_host", f"qemu of {other_suite()}": "other_lab_host"}
"""Their hosts' fixtures: the libvirt and QEMU of this machine, and those of another Debian."""


@pytest.fixture(params=["test", *(pytest.param(name, marks=pytest.mark.lab) for name in QEMU)])
def site(request: pytest.FixtureRequest) -> Site:
    name = request.node.originalname
    if request.param == "test":
        if reason := NOT_IN_TEST_DRIVER.get(name):
            pytest.skip(f"libvirt's test driver: {reason}")
        return Site(request.getfixturevalue("fleet_host"), "test", "/contract")
    host = request.getfixturevalue(QEMU[request.param])
    return Site(host, "qemu", str(host.images / POOL))


@pytest.fixture
def host(site: Site) -> Iterator[HostConnection]:
    """A connection to the site, whose machines and volumes are removed afterwards."""
    with connection.open_host(site.uri) as opened:
        storage.ensure_pool(opened, POOL, site.directory)
        yield opened
    with connection.open_host(site.uri) as opened:
        for machine in list(domains.all_facts(opened)):
            lifecycle.destroy(opened, machine.uuid)
            lifecycle.undefine(opened, machine.uuid)
        with suppress(VrabecError):
            for name in storage.volume_names(opened, POOL):
                storage.delete_volume(opened, POOL, name)


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty qcow2 file of 64 MiB."""
    path = tmp_path_factory.mktemp("image") / "base.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "64M"], check=True)
    return path.read_bytes()


@pytest.fixture
def base_path(site: Site, host: HostConnection, image: bytes) -> str:
    """A template on the host, for clones."""
    if site.domain_type != "test":
        transfer.upload(host, POOL, "base.qcow2", io.BytesIO(image), len(image))
    return f"{site.directory}/base.qcow2"


@pytest.fixture
def new_spec(site: Site, host: HostConnection, base_path: str) -> Callable[[], VmSpec]:
    """Specs of machines whose disk is there."""

    def make() -> VmSpec:
        uuid = str(uuid4())
        disk = storage.clone(host, POOL, f"{uuid}.qcow2", base_path, 64)
        return VmSpec(
            vm_id=7, uuid=uuid, name=f"contract.{uuid[:8]}", title="", cpus=1, memory_mib=32,
            domain_type=site.domain_type, arch="x86_64", disk_path=disk.path, seed_path=None,
            network="default", mac=f"52:54:00:{uuid[0:2]}:{uuid[2:4]}:{uuid[4:6]}", has_agent=True,
        )  # fmt: skip

    return make


@pytest.fixture
def machine(host: HostConnection, new_spec: Callable[[], VmSpec]) -> VmSpec:
    """A defined machine that is off."""
    spec = new_spec()
    lifecycle.define(host, xml.domain_xml(spec))
    return spec
