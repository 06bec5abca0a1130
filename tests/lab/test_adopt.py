"""A host over ssh is looked at, confirmed and added: a real sshd, engine and watch, asserted on the host."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.waiting import wait_until
from tests.lab.engine import engine
from tests.lab.fixtures import lab_host
from tests.lab.host import LabHost
from tests.lab.sshd import LabSshd
from tests.service.made_up import end_of
from vrabec.hypervisor import connection
from vrabec.hypervisor.reader import Readers
from vrabec.inventory.turns import Turns
from vrabec.inventory.watch import HostWatch
from vrabec.inventory.writer import Writer
from vrabec.lib import ssh
from vrabec.lib.actor import SYSTEM
from vrabec.lib.errors import Conflict
from vrabec.models.hosts import POOL, Host, HostState
from vrabec.models.jobs import JobState
from vrabec.services.host_looks import get_look, look_at_host
from vrabec.services.hosts import add_host, confirm_host

__all__ = ["engine", "lab_host"]
pytestmark = pytest.mark.lab


@pytest.fixture
def server(engine: None, lab_host: LabHost, tmp_path: Path, settings: Any) -> Iterator[LabSshd]:
    """The host's sshd, which lets the controller in."""
    settings.VRABEC_SSH_DIR = tmp_path / "keys"
    settings.VRABEC_IMAGES_DIR = str(lab_host.images / POOL)
    ssh.ensure_key(settings.VRABEC_SSH_DIR)
    with LabSshd(lab_host, tmp_path / "sshd") as server:
        server.authorize(ssh.public_key(settings.VRABEC_SSH_DIR))
        yield server


def fingerprint_of(server: LabSshd) -> str:
    """As a look shows it."""
    job = end_of(look_at_host(SYSTEM, uri=server.uri()))
    return get_look(SYSTEM, look_id=job.pk).fingerprint


def test_a_look_shows_the_key_and_what_is_there_and_changes_nothing(server: LabSshd) -> None:
    pools = server.host.run("virsh", "pool-list", "--all", "--name")
    job = end_of(look_at_host(SYSTEM, uri=server.uri()))
    look = get_look(SYSTEM, look_id=job.pk)
    assert job.state == JobState.DONE
    assert look.fingerprint == server.fingerprint()
    assert look.found is not None
    assert look.found["hostname"] == server.host.name
    assert server.host.run("virsh", "pool-list", "--all", "--name") == pools
    assert not Host.objects.exists()


def test_a_host_that_does_not_know_our_key_shows_its_own_all_the_same(server: LabSshd) -> None:
    server.authorize("")
    job = end_of(look_at_host(SYSTEM, uri=server.uri()))
    assert job.state == JobState.FAILED
    assert "add Vrabec's public key" in job.error_message
    assert get_look(SYSTEM, look_id=job.pk).fingerprint == server.fingerprint()


def test_a_host_whose_libvirt_is_too_old_is_told_by_the_look_and_is_left_as_it_is(
    server: LabSshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = server.host.run("virsh", "pool-list", "--all", "--name")
    monkeypatch.setattr(connection, "LEAST", 99_000_000)
    job = end_of(look_at_host(SYSTEM, uri=server.uri()))
    assert job.state == JobState.FAILED
    assert job.error_message.endswith("must be 99.0.0 or newer. Upgrade that host.")
    assert get_look(SYSTEM, look_id=job.pk).found is None
    assert server.host.run("virsh", "pool-list", "--all", "--name") == pools


def test_a_confirmed_host_is_added_and_online_until_its_key_changes(server: LabSshd) -> None:
    seen = fingerprint_of(server)
    with pytest.raises(Conflict, match="look at the host again"):
        add_host(SYSTEM, name="kvm2", uri=server.uri(), fingerprint="SHA256:another")
    assert end_of(add_host(SYSTEM, name="kvm2", uri=server.uri(), fingerprint=seen)).state == JobState.DONE
    assert POOL in server.host.run("virsh", "pool-list", "--name").split()
    writer = Writer()
    watch = HostWatch(Host.objects.get(), writer, Turns(), Readers())
    writer.start()
    watch.start()
    try:
        becomes(HostState.ONLINE)
        server.new_key()
        server.stop()
        server.start()
        becomes(HostState.UNREACHABLE)
        wait_until(lambda: "not the confirmed one" in Host.objects.get().reason, "the reason")
        confirm_host(SYSTEM, host=Host.objects.get(), fingerprint=fingerprint_of(server))
        becomes(HostState.ONLINE)
    finally:
        watch.stop()
        watch.join(30)
        writer.stop()
        writer.join(30)


def becomes(state: HostState) -> None:
    wait_until(lambda: Host.objects.get().state == state, state.label, seconds=30)
