"""A real host whose disk is full, whose libvirtd dies or hangs: what is said, and what is left."""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.conftest import POOL
from tests.contract.waiting import until
from tests.lab import LabHost
from vrabec.hypervisor import connection, domains, lifecycle, storage, transfer, xml
from vrabec.hypervisor.connection import HUNG_CALL_LIMIT_S, HostConnection
from vrabec.hypervisor.errors import FileMissing
from vrabec.hypervisor.spec import DomainState, OffReason, VmSpec
from vrabec.lib.errors import HostError, NoCapacity, Unavailable

pytestmark = pytest.mark.lab
MIB = 1024 * 1024


@pytest.fixture
def host(fresh_lab_host: LabHost, image: bytes) -> Iterator[HostConnection]:
    """A connection to a host of the test's own, with a pool of 64 MiB and a template in it."""
    with connection.open_host(fresh_lab_host.uri) as opened:
        storage.ensure_pool(opened, POOL, str(fresh_lab_host.images / POOL))
        transfer.upload(opened, POOL, "base.qcow2", io.BytesIO(image), len(image))
        yield opened


@pytest.fixture
def machine(fresh_lab_host: LabHost, host: HostConnection) -> VmSpec:
    base = f"{fresh_lab_host.images}/{POOL}/base.qcow2"
    disk = storage.clone(host, POOL, "vm.qcow2", base, 64)
    spec = VmSpec(
        vm_id=7, uuid=str(uuid4()), name="contract.vm", title="", cpus=1, memory_mib=32, domain_type="qemu",
        arch="x86_64", disk_path=disk.path, seed_path=None, network="default", mac="52:54:00:00:00:07",
        has_agent=True,
    )  # fmt: skip
    lifecycle.define(host, xml.domain_xml(spec))
    return spec


def names(host: HostConnection) -> set[str]:
    return set(storage.volume_names(host, POOL))


def test_an_upload_larger_than_the_disk_leaves_nothing(host: HostConnection) -> None:
    class NeverRead(io.RawIOBase): ...

    with pytest.raises(NoCapacity, match="disk is full"):
        transfer.upload(host, POOL, "big.img", NeverRead(), 100 * MIB)  # type: ignore[arg-type]
    assert names(host) == {"base.qcow2"}


def test_a_full_disk_is_said_and_nothing_is_left(
    fresh_lab_host: LabHost, host: HostConnection, machine: VmSpec
) -> None:
    base = f"{fresh_lab_host.images}/{POOL}/base.qcow2"
    fresh_lab_host.fill_disk()
    with pytest.raises(NoCapacity, match="disk is full"):
        storage.clone(host, POOL, "other.qcow2", base, 64)
    with pytest.raises(NoCapacity, match="disk is full"):
        transfer.upload(host, POOL, "seed.iso", io.BytesIO(bytes(MIB)), MIB)
    with pytest.raises(NoCapacity, match="disk is full"):
        lifecycle.start(host, machine.uuid)
    assert names(host) == {"base.qcow2", "vm.qcow2"}
    fresh_lab_host.free_disk()
    storage.clone(host, POOL, "other.qcow2", base, 64)
    lifecycle.start(host, machine.uuid)


def test_a_template_that_somebody_removed_is_named(
    fresh_lab_host: LabHost, host: HostConnection, machine: VmSpec
) -> None:
    base = fresh_lab_host.images / POOL / "base.qcow2"
    base.unlink()
    with pytest.raises(FileMissing, match=str(base)):
        lifecycle.start(host, machine.uuid)
    with pytest.raises(FileMissing, match=str(base)):
        storage.clone(host, POOL, "other.qcow2", str(base), 64)
    assert names(host) == {"vm.qcow2"}


def test_a_disk_that_is_junk_is_qemus_last_word(host: HostConnection, machine: VmSpec) -> None:
    Path(machine.disk_path).write_bytes(b"junk" * MIB)
    with pytest.raises(HostError, match="Image is not in qcow2 format") as caught:
        lifecycle.start(host, machine.uuid)
    assert "-blockdev" in caught.value.raw
    found = domains.facts(host, machine.uuid)
    assert found is not None
    assert found.off_reason is OffReason.FAILED


def test_a_machine_larger_than_the_memory_is_refused(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.define(host, xml.domain_xml(replace(machine, memory_mib=64 * MIB)))
    with pytest.raises(NoCapacity, match="memory"):
        lifecycle.start(host, machine.uuid)


def test_a_machine_outlives_libvirtd(fresh_lab_host: LabHost, host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    before = domains.facts(host, machine.uuid)
    fresh_lab_host.restart_libvirtd()
    with pytest.raises(Unavailable, match="broke off"):
        lifecycle.start(host, machine.uuid)
    with connection.open_host(fresh_lab_host.uri) as again:
        lifecycle.start(again, machine.uuid)
        assert domains.facts(again, machine.uuid) == before


def test_a_start_is_repeated_while_the_first_is_under_way(
    fresh_lab_host: LabHost, host: HostConnection, machine: VmSpec
) -> None:
    """The first client died in its call; libvirtd goes on with it."""
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with connection.open_host(fresh_lab_host.uri) as own:
                lifecycle.start(own, machine.uuid)
                assert domains.facts(own, machine.uuid).state is DomainState.RUNNING  # type: ignore[union-attr]
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_an_upload_is_whole_or_repeated_after_libvirtd_died(
    fresh_lab_host: LabHost, host: HostConnection
) -> None:
    def die(sent: int) -> None:
        if sent > MIB:
            fresh_lab_host.kill_libvirtd()

    data = os.urandom(4 * MIB)
    with pytest.raises(Unavailable, match="broke off"):
        transfer.upload(host, POOL, "data.img", io.BytesIO(data), len(data), progress=die)
    fresh_lab_host.restart_libvirtd()
    with connection.open_host(fresh_lab_host.uri) as again:
        transfer.upload(again, POOL, "data.img", io.BytesIO(data), len(data))
    assert (fresh_lab_host.images / POOL / "data.img").read_bytes() == data


def test_a_clone_is_repeated_after_libvirtd_died(fresh_lab_host: LabHost, host: HostConnection) -> None:
    """What qemu-img had not finished is made again: a file that is no qcow2 yet."""
    base = f"{fresh_lab_host.images}/{POOL}/base.qcow2"
    (fresh_lab_host.images / POOL / "vm.qcow2").write_bytes(bytes(65536))
    assert storage.clone(host, POOL, "vm.qcow2", base, 64).backing_path == base


def test_an_upload_to_a_host_that_hangs_ends(fresh_lab_host: LabHost, host: HostConnection) -> None:
    def hang(sent: int) -> None:
        if sent > MIB:
            fresh_lab_host.hang()

    begun = time.monotonic()
    with pytest.raises(Unavailable, match="broke off"):
        transfer.upload(host, POOL, "data.img", io.BytesIO(bytes(32 * MIB)), 32 * MIB, progress=hang)
    assert time.monotonic() - begun < HUNG_CALL_LIMIT_S + 5
    fresh_lab_host.resume()
    until(lambda: fresh_lab_host.answers(timeout_s=1))
    with connection.open_host(fresh_lab_host.uri) as again:
        transfer.upload(again, POOL, "data.img", io.BytesIO(b"small"), 5)


def test_a_qemu_that_does_not_answer_is_switched_off(
    fresh_lab_host: LabHost, host: HostConnection, machine: VmSpec
) -> None:
    lifecycle.start(host, machine.uuid)
    os.kill(fresh_lab_host.guest_pids()[0], signal.SIGSTOP)
    lifecycle.destroy(host, machine.uuid)
    found = domains.facts(host, machine.uuid)
    assert found is not None
    assert found.state is DomainState.OFF
