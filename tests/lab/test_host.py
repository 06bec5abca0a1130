"""The lab itself: a host is a real one, it breaks as real ones do, and it leaves nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.lab import LabError, LabHost, labs
from tests.lab.guests import diskless

pytestmark = pytest.mark.lab
VOLUME = """\
<volume>
  <name>{}</name>
  <capacity unit="MiB">8</capacity>
  <allocation unit="MiB">8</allocation>
</volume>
"""
OWNER = """\
import sys, time
from pathlib import Path
from tests.lab import LabHost
with LabHost("owned", Path(sys.argv[1])) as host:
    print(host.lab_name, flush=True)
    time.sleep(60)
"""


@contextmanager
def connected(host: LabHost) -> Iterator[Any]:
    connection = libvirt.open(host.uri)
    try:
        yield connection
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 5) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def processes_in(kind: str, namespace: str) -> set[str]:
    found = set()
    for path in Path("/proc").glob(f"[0-9]*/ns/{kind}"):
        with suppress(OSError):  # that process ended meanwhile
            if os.readlink(path) == namespace:
                found.add(path.parts[2])
    return found


@contextmanager
def owner_process(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another test run with a host of its own, and that host's name."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", OWNER, str(directory)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        try:
            yield process, name
        finally:
            process.kill()
            process.wait()
            labs.remove(name)


def test_a_host_answers_with_its_own_name_network_and_pool(lab_host: LabHost) -> None:
    with connected(lab_host) as connection:
        assert connection.getHostname() == lab_host.name
        assert [network.name() for network in connection.listAllNetworks() if network.isActive()] == [
            "default"
        ]
        assert [pool.name() for pool in connection.listAllStoragePools() if pool.isActive()] == ["default"]


def test_a_host_offers_emulation_and_no_kvm(lab_host: LabHost) -> None:
    with connected(lab_host) as connection:
        capabilities = connection.getCapabilities()
    assert "<domain type='qemu'/>" in capabilities
    assert "<domain type='kvm'/>" not in capabilities


def test_a_guest_starts_on_the_nat_network(fresh_lab_host: LabHost) -> None:
    with connected(fresh_lab_host) as connection:
        guest = connection.createXML(diskless("guest"))
        assert guest.isActive()
        assert len(fresh_lab_host.guest_pids()) == 1
        assert "virbr0" in fresh_lab_host.run("ip", "link", "show", "vnet0")


def test_nothing_of_a_host_is_seen_on_this_machine_but_its_processes(lab_host: LabHost) -> None:
    ours = subprocess.run(["ip", "-brief", "link"], check=True, capture_output=True, text=True).stdout
    assert "virbr0" in lab_host.run("ip", "-brief", "link")
    assert lab_host.run("readlink", "/proc/self/ns/net").strip() != os.readlink("/proc/self/ns/net")
    assert "virbr0" not in ours


def test_two_hosts_of_the_same_name_live_side_by_side(lab_host: LabHost, tmp_path: Path) -> None:
    with LabHost(lab_host.name, tmp_path / "host") as other, connected(other) as connection:
        connection.defineXML(diskless("only-there"))
        with connected(lab_host) as here:
            assert "only-there" not in [domain.name() for domain in here.listAllDomains()]
            assert here.getCapabilities() != connection.getCapabilities()  # the host's UUID


def test_power_loss_kills_every_process_and_power_on_finds_the_domain_off(fresh_lab_host: LabHost) -> None:
    with connected(fresh_lab_host) as connection:
        connection.defineXML(diskless("guest")).create()
    guests = fresh_lab_host.guest_pids()
    fresh_lab_host.power_loss()
    assert len(guests) == 1
    assert not Path(f"/proc/{guests[0]}").exists()
    assert not fresh_lab_host.answers()

    fresh_lab_host.power_on()
    with connected(fresh_lab_host) as connection:
        assert not connection.lookupByName("guest").isActive()
        assert connection.networkLookupByName("default").isActive()


def test_a_killed_libvirtd_leaves_the_guest_running_and_finds_it_again(fresh_lab_host: LabHost) -> None:
    with connected(fresh_lab_host) as connection:
        connection.createXML(diskless("guest"))
    guests = fresh_lab_host.guest_pids()
    fresh_lab_host.kill_libvirtd()
    assert not fresh_lab_host.answers()
    assert fresh_lab_host.guest_pids() == guests

    fresh_lab_host.restart_libvirtd()
    assert fresh_lab_host.guest_pids() == guests
    with connected(fresh_lab_host) as connection:
        assert connection.lookupByName("guest").isActive()


def test_a_hung_host_accepts_and_does_not_answer_until_it_resumes(fresh_lab_host: LabHost) -> None:
    fresh_lab_host.hang()
    assert not fresh_lab_host.answers(timeout_s=0.3)
    fresh_lab_host.resume()
    assert fresh_lab_host.answers()


def test_a_hung_host_can_lose_its_power(fresh_lab_host: LabHost) -> None:
    fresh_lab_host.hang()
    fresh_lab_host.power_loss()
    fresh_lab_host.power_on()
    assert fresh_lab_host.answers()


def test_a_full_disk_fails_a_volume_with_libvirts_error_until_it_is_freed(fresh_lab_host: LabHost) -> None:
    with connected(fresh_lab_host) as connection:
        pool = connection.storagePoolLookupByName("default")
        fresh_lab_host.fill_disk()
        with pytest.raises(libvirt.libvirtError, match="No space left on device"):
            pool.createXML(VOLUME.format("refused"))
        assert not (fresh_lab_host.images / "refused").exists()

        fresh_lab_host.free_disk()
        pool.createXML(VOLUME.format("taken"))
        assert (fresh_lab_host.images / "taken").stat().st_size == 8 * 2**20


def test_close_leaves_no_process_namespace_mount_or_file(tmp_path: Path) -> None:
    with LabHost("gone", tmp_path / "host") as host:
        with connected(host) as connection:
            connection.createXML(diskless("guest"))
        pids = host.guest_pids()
        own = {
            kind: host.run("readlink", f"/proc/1/ns/{kind}").strip() for kind in ("net", "pid", "mnt", "uts")
        }
        inside = {kind: processes_in(kind, namespace) for kind, namespace in own.items()}
        assert all(inside.values())
        assert labs.traces(host.lab_name)

    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    # The kernel gives a namespace's number to the next one: only those that were inside are looked for.
    assert not any(inside[kind] & processes_in(kind, namespace) for kind, namespace in own.items())
    assert labs.traces(host.lab_name) == []
    assert not host.directory.exists()


def test_a_host_that_does_not_boot_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.settings.LIBVIRTD_CONF", "no = such setting")
    host = LabHost("broken", tmp_path / "host")
    with pytest.raises(LabError, match="libvirtd"), host:
        pass
    assert labs.traces(host.lab_name) == []
    assert not host.directory.exists()


def test_a_directory_with_files_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(LabError, match="not empty"), LabHost("refused", tmp_path):
        pass
    assert (tmp_path / "precious").exists()


def test_a_killed_test_run_takes_its_hosts_along_and_the_sweep_removes_the_rest(tmp_path: Path) -> None:
    with owner_process(tmp_path / "host") as (owner, name):
        assert len(labs.traces(name)) == 3  # unshare, tini, the storage's mount
        owner.kill()
        assert wait_until(lambda: not [trace for trace in labs.traces(name) if trace.isdecimal()])
        labs.sweep()  # another worker's may have been faster, and be at the last of it
        assert wait_until(lambda: not labs.traces(name) and not (tmp_path / "host").exists())


def test_the_sweep_leaves_a_live_owner_alone(tmp_path: Path) -> None:
    with owner_process(tmp_path / "host") as (_, name):
        traces = labs.traces(name)
        assert name not in labs.sweep()
        assert labs.traces(name) == traces


@pytest.mark.parametrize(
    ("name", "stale"),
    [
        ("vrabec-lab-{namespace}-{pid}-{start}-0", False),
        ("vrabec-lab-{namespace}-{pid}-1-0", True),  # the pid is another process now
        ("vrabec-lab-{namespace}-4194305-1-0", True),  # above the kernel's largest pid
        ("vrabec-lab-1-4194305-1-0", False),  # of a container: not ours to judge
        ("vrabec-lab", False),
        ("somebody-elses", False),
    ],
)
def test_a_name_is_stale_when_its_owner_is_gone(name: str, stale: bool) -> None:
    _, _, namespace, pid, start, _ = labs.new_name().split("-")
    assert labs.is_stale(name.format(namespace=namespace, pid=pid, start=start)) == stale
