"""An ordinary user's own libvirt: what Vrabec needs of a host works there without root."""

import io
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.conftest import POOL
from tests.contract.waiting import until
from tests.lab.host import missing
from vrabec.hypervisor import connection, domains, facts, lifecycle, storage, transfer, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import USER_NETWORK, DomainState, VmSpec

pytestmark = pytest.mark.lab
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of user nobody's, on a short path: sockets lie in it."""
    if reason := missing():
        pytest.skip(reason)
    path = Path(tempfile.mkdtemp(prefix="vrabec-"))
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def session(home: Path) -> Iterator[HostConnection]:
    """A connection to nobody's libvirtd, which runs for this test."""
    user = ["setpriv", "--reuid", str(NOBODY.pw_uid), "--regid", str(NOBODY.pw_gid), "--clear-groups"]
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    daemon = subprocess.Popen(
        [*user, "--pdeathsig", "TERM", "libvirtd"],
        env=environment,
        cwd=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    socket = home / "libvirt/libvirt-sock"
    try:
        until(socket.exists)
        with connection.open_host(f"qemu+unix:///session?socket={socket}") as opened:
            yield opened
    finally:
        daemon.terminate()
        daemon.wait(30)


def test_a_machine_runs_as_an_ordinary_user(session: HostConnection, home: Path, image: bytes) -> None:
    assert facts.host_facts(session).networks == (USER_NETWORK,)
    storage.ensure_pool(session, POOL, str(home / "images"))
    transfer.upload(session, POOL, "base.qcow2", io.BytesIO(image), len(image))
    uuid = str(uuid4())
    disk = storage.clone(session, POOL, f"{uuid}.qcow2", f"{home}/images/base.qcow2", 64)
    spec = VmSpec(
        vm_id=7, uuid=uuid, name="mine", title="", cpus=1, memory_mib=32, domain_type="qemu", arch="x86_64",
        disk_path=disk.path, seed_path=None, network=USER_NETWORK, mac="52:54:00:00:00:07", has_agent=True,
    )  # fmt: skip
    lifecycle.define(session, xml.domain_xml(spec))
    lifecycle.start(session, uuid)
    found = domains.facts(session, uuid)
    assert found is not None
    assert (found.state, found.macs) == (DomainState.RUNNING, (spec.mac,))
    assert processes(uuid) == [NOBODY.pw_uid]
    lifecycle.destroy(session, uuid)
    lifecycle.undefine(session, uuid)
    storage.delete_volume(session, POOL, f"{uuid}.qcow2")
    assert processes(uuid) == []


def processes(uuid: str) -> list[int]:
    """The users of the QEMUs that run this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"-uuid\0{uuid}" in path.read_text():
                found.append(path.stat().st_uid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
