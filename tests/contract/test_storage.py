"""Pools and volumes: every verb may be repeated, and leaves nothing half-done."""

import io
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.conftest import POOL, Site
from tests.lab.host import LabHost
from vrabec.hypervisor import connection, lifecycle, storage, transfer
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import FileMissing
from vrabec.hypervisor.spec import VmSpec, VolumeInfo
from vrabec.lib.errors import Conflict, HostError, NotFound

MIB = 1024 * 1024


def put(host: HostConnection, name: str, data: bytes) -> VolumeInfo:
    return transfer.upload(host, POOL, name, io.BytesIO(data), len(data))


def test_a_pool_is_made_once(site: Site, host: HostConnection) -> None:
    first = storage.ensure_pool(host, POOL, site.directory)
    assert storage.ensure_pool(host, POOL, site.directory) == first
    assert (first.name, first.path) == (POOL, site.directory)
    assert first.capacity_mib >= first.available_mib > 0


def test_a_pool_starts_with_its_host(host: HostConnection) -> None:
    with host.calling() as raw:
        assert raw.storagePoolLookupByName(POOL).autostart()


def test_a_pool_that_was_stopped_is_started(site: Site, host: HostConnection) -> None:
    with host.calling() as raw:
        raw.storagePoolLookupByName(POOL).destroy()
    storage.ensure_pool(host, POOL, site.directory)
    assert storage.volume_names(host, POOL) == ()


def test_a_pool_that_the_site_has_elsewhere_is_used_there(site: Site, host: HostConnection) -> None:
    assert storage.ensure_pool(host, POOL, "/somewhere/else").path == site.directory


def test_a_pool_that_cannot_be_made_is_not_left_behind(host: HostConnection) -> None:
    with pytest.raises(HostError):
        storage.ensure_pool(host, "impossible", "/proc/impossible")
    with pytest.raises(NotFound, match="pool"):
        storage.pool_info(host, "impossible")


def test_a_pool_that_is_not_there_is_said(host: HostConnection) -> None:
    for ask in (storage.pool_info, storage.volume_names):
        with pytest.raises(NotFound, match="pool"):
            ask(host, "nowhere")
    with pytest.raises(NotFound, match="pool"):
        storage.clone(host, "nowhere", "a", "/b", 1)


def test_a_clone_stands_on_its_base(host: HostConnection, base_path: str) -> None:
    made = storage.clone(host, POOL, "vm.qcow2", base_path, 128)
    assert (made.name, made.format, made.capacity_mib) == ("vm.qcow2", "qcow2", 128)
    assert made.backing_path == base_path
    assert storage.volume(host, POOL, "vm.qcow2") == made


def test_a_clone_may_be_repeated(host: HostConnection, base_path: str) -> None:
    made = storage.clone(host, POOL, "vm.qcow2", base_path, 128)
    assert storage.clone(host, POOL, "vm.qcow2", base_path, 128) == made


def test_another_volume_of_that_name_is_a_conflict(host: HostConnection, base_path: str) -> None:
    made = storage.clone(host, POOL, "vm.qcow2", base_path, 128)
    with pytest.raises(Conflict, match=r"vm\.qcow2"):
        storage.clone(host, POOL, "vm.qcow2", base_path, 256)
    assert storage.volume(host, POOL, "vm.qcow2") == made


def test_a_clone_without_its_base_is_refused(site: Site, host: HostConnection) -> None:
    missing = f"{site.directory}/missing.qcow2"
    with pytest.raises(FileMissing, match=r"missing\.qcow2"):
        storage.clone(host, POOL, "vm.qcow2", missing, 128)
    assert storage.volume(host, POOL, "vm.qcow2") is None


@pytest.mark.parametrize("name", ["<b>&\"'.qcow2", "]]><x>", "a b", "🐦"])
def test_a_hostile_name_is_only_a_name(host: HostConnection, base_path: str, name: str) -> None:
    assert storage.clone(host, POOL, name, base_path, 64).name == name
    assert name in storage.volume_names(host, POOL)
    storage.delete_volume(host, POOL, name)


@pytest.mark.parametrize("name", ["../outside.qcow2", "a/b"])
def test_a_name_that_leaves_the_pool_is_refused(host: HostConnection, base_path: str, name: str) -> None:
    with pytest.raises(HostError, match="cannot contain"):
        storage.clone(host, POOL, name, base_path, 64)
    storage.delete_volume(host, POOL, name)


def test_a_volume_is_deleted_twice(host: HostConnection, base_path: str) -> None:
    storage.clone(host, POOL, "vm.qcow2", base_path, 64)
    storage.delete_volume(host, POOL, "vm.qcow2")
    storage.delete_volume(host, POOL, "vm.qcow2")
    assert storage.volume(host, POOL, "vm.qcow2") is None


def test_a_volume_of_no_pool_is_deleted(host: HostConnection) -> None:
    storage.delete_volume(host, "nowhere", "vm.qcow2")


def test_a_volume_that_a_shell_made_is_seen(site: Site, host: HostConnection) -> None:
    (Path(site.directory) / "by-hand.img").write_bytes(bytes(MIB))
    found = storage.volume(host, POOL, "by-hand.img")
    assert found is not None
    assert (found.capacity_mib, found.format) == (1, "raw")
    (Path(site.directory) / "by-hand-2.img").write_bytes(b"")
    storage.delete_volume(host, POOL, "by-hand-2.img")
    assert storage.volume_names(host, POOL) == ("by-hand.img",)


def test_a_volume_that_a_shell_removed_is_gone(site: Site, host: HostConnection, base_path: str) -> None:
    storage.clone(host, POOL, "vm.qcow2", base_path, 64)
    (Path(site.directory) / "vm.qcow2").unlink()
    assert storage.volume(host, POOL, "vm.qcow2") is None
    storage.clone(host, POOL, "vm.qcow2", base_path, 64)
    (Path(site.directory) / "vm.qcow2").unlink()
    assert storage.clone(host, POOL, "vm.qcow2", base_path, 64).capacity_mib == 64
    (Path(site.directory) / "vm.qcow2").unlink()
    storage.delete_volume(host, POOL, "vm.qcow2")


def test_a_clone_does_not_write_over_a_file_that_libvirt_has_not_seen(
    site: Site, host: HostConnection, base_path: str
) -> None:
    precious = Path(site.directory) / "vm.qcow2"
    precious.write_bytes(b"p" * 2 * MIB)
    with pytest.raises(Conflict):
        storage.clone(host, POOL, "vm.qcow2", base_path, 64)
    assert precious.read_bytes() == b"p" * 2 * MIB


def test_thirty_clones_at_once_are_made_and_deleted(site: Site, host: HostConnection, base_path: str) -> None:
    """Libvirt refuses a refresh while a volume is made: "pool has asynchronous jobs running"."""

    def make(number: int) -> None:
        with connection.open_host(site.uri) as own:
            name = f"vm-{number}.qcow2"
            storage.clone(own, POOL, name, base_path, 64)
            storage.volume_names(own, POOL)
            storage.delete_volume(own, POOL, name)
            storage.delete_volume(own, POOL, name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(30)))
    assert [name for name in storage.volume_names(host, POOL) if name.startswith("vm-")] == []


def test_an_upload_arrives_whole(site: Site, host: HostConnection) -> None:
    data = bytes(range(256)) * 4096 * 3 + b"end"
    told: list[int] = []
    transfer.upload(host, POOL, "data.img", io.BytesIO(data), len(data), progress=told.append)
    assert (Path(site.directory) / "data.img").read_bytes() == data
    assert told == sorted(told)
    assert told[-1] == len(data)


def test_a_download_is_what_was_uploaded(host: HostConnection) -> None:
    data = bytes(range(256)) * 4096
    put(host, "data.img", data)
    assert transfer.download(host, POOL, "data.img", 2 * MIB) == data
    assert transfer.download(host, POOL, "data.img", 300_000) == data[:300_000]
    assert transfer.download(host, POOL, "nothing.img", MIB) is None


def test_an_upload_replaces_a_volume(site: Site, host: HostConnection) -> None:
    put(host, "data.img", b"old" * MIB)
    put(host, "data.img", b"new")
    assert (Path(site.directory) / "data.img").read_bytes() == b"new"


def test_an_upload_leaves_a_volume_that_others_build_on(
    site: Site, host: HostConnection, base_path: str
) -> None:
    before = Path(base_path).read_bytes()
    storage.clone(host, POOL, "vm.qcow2", base_path, 64)
    put(host, "base.qcow2", b"something else")
    assert Path(base_path).read_bytes() == before


def test_data_that_ends_early_leaves_no_volume(host: HostConnection) -> None:
    with pytest.raises(HostError, match="3 of 10 bytes"):
        transfer.upload(host, POOL, "short.img", io.BytesIO(b"abc"), 10)
    assert storage.volume_names(host, POOL) == ()
    put(host, "after.img", b"the connection still works")


def test_an_upload_that_is_stopped_leaves_no_volume(host: HostConnection) -> None:
    class Stopped(Exception): ...

    def stop(sent: int) -> None:
        if sent > MIB:
            raise Stopped

    data = bytes(4 * MIB)
    with pytest.raises(Stopped):
        transfer.upload(host, POOL, "big.img", io.BytesIO(data), len(data), progress=stop)
    assert storage.volume_names(host, POOL) == ()


def test_an_upload_is_repeated_after_its_client_died(site: Site, host: HostConnection) -> None:
    died = f"""
        import io, os
        from vrabec.hypervisor import connection, transfer
        host = connection.open_host({site.uri!r})
        die = lambda sent: os._exit(9) if sent > 1_000_000 else None
        transfer.upload(host, {POOL!r}, "data.img", io.BytesIO(bytes(4_000_000)), 4_000_000, progress=die)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(died)], check=False).returncode == 9
    if isinstance(site.host, LabHost) and not site.host.answers():
        # libvirt 11.3 may lock itself out: its event loop waits for a lock that it has
        site.host.restart_libvirtd()
    data = uuid4().bytes * 100_000
    with connection.open_host(site.uri) as again:
        put(again, "data.img", data)
    assert (Path(site.directory) / "data.img").read_bytes() == data


def test_a_copy_has_its_own_size_and_is_backed_by_nothing(host: HostConnection, base_path: str) -> None:
    linked = storage.clone(host, POOL, "linked.qcow2", base_path, 64)
    for _ in range(2):
        made = storage.copy(host, POOL, "copied.qcow2", linked.path, 64)
        assert (made.format, made.backing_path, made.capacity_mib) == ("qcow2", "", 64)


def test_a_copy_holds_the_same_bytes_in_a_larger_disk(
    site: Site, host: HostConnection, tmp_path: Path
) -> None:
    (tmp_path / "raw").write_bytes(bytes(range(256)) * 4096 * 4)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", "raw", "full"], cwd=tmp_path, check=True)
    base = put(host, "full.qcow2", (tmp_path / "full").read_bytes())
    linked = storage.clone(host, POOL, "linked.qcow2", base.path, 8)
    made = storage.copy(host, POOL, "copied.qcow2", linked.path, 16)
    assert made.capacity_mib == 16
    storage.delete_volume(host, POOL, "linked.qcow2")
    storage.delete_volume(host, POOL, "full.qcow2")
    subprocess.run(
        ["qemu-img", "convert", "-O", "raw", f"{site.directory}/copied.qcow2", tmp_path / "out"], check=True
    )
    assert (tmp_path / "out").read_bytes().rstrip(b"\0") == (tmp_path / "raw").read_bytes().rstrip(b"\0")


def test_a_copy_of_what_is_not_there_is_said(host: HostConnection, base_path: str) -> None:
    with pytest.raises(NotFound):
        storage.copy(host, POOL, "copied.qcow2", "/nowhere/disk.qcow2", 64)


def test_a_disk_in_use_is_not_copied(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    with pytest.raises(HostError):
        storage.copy(host, POOL, "copied.qcow2", machine.disk_path, 64)
    assert storage.volume(host, POOL, "copied.qcow2") is None
