"""Hosts over ssh: a real sshd, a host key that is pinned, and a sentence for each way it can be refused."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import LabHost
from tests.lab.sshd import LabSshd
from vrabec.hypervisor import connection, facts, hostkey
from vrabec.lib import ssh
from vrabec.lib.errors import Unavailable

pytestmark = pytest.mark.lab


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The controller's key."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    ssh.ensure_key(folder)
    return folder


@pytest.fixture
def server(lab_host: LabHost, tmp_path: Path, keys: Path) -> Iterator[LabSshd]:
    """A host's sshd that lets the controller in."""
    with LabSshd(lab_host, tmp_path / "sshd") as server:
        server.authorize(ssh.public_key(keys))
        yield server


def restart(server: LabSshd, more: str = "") -> None:
    server.stop()
    server.start(more)


def why_not(server: LabSshd, keys: Path, key: str, user: str = "root") -> str:
    """What is said when the host cannot be opened."""
    with pytest.raises(Unavailable) as caught:
        connection.open_host(ssh.pinned(server.uri(user), keys, key))
    return caught.value.message


def test_the_key_that_a_host_shows_is_its_own(server: LabSshd) -> None:
    key = hostkey.scan(ssh.address_of(server.uri()))
    assert ssh.fingerprint(key) == server.fingerprint()


def test_a_host_with_the_confirmed_key_opens(server: LabSshd, keys: Path) -> None:
    key = hostkey.scan(ssh.address_of(server.uri()))
    with connection.open_host(ssh.pinned(server.uri(), keys, key)) as host:
        assert facts.host_facts(host).hostname == server.host.name


def test_a_host_with_another_key_is_refused_loudly(server: LabSshd, keys: Path) -> None:
    key = hostkey.scan(ssh.address_of(server.uri()))
    server.new_key()
    restart(server)
    said = why_not(server, keys, key)
    assert said == (
        "The host's SSH key is not the confirmed one: it was installed anew, or somebody is in between. "
        "Find out which, then confirm the new key (vrabec host confirm NAME)."
    )


def test_a_host_that_does_not_know_our_key_says_what_to_paste(server: LabSshd, keys: Path) -> None:
    server.authorize("")
    said = why_not(server, keys, hostkey.scan(ssh.address_of(server.uri())))
    assert "add Vrabec's public key" in said


def test_a_host_without_libvirt_says_so(fresh_lab_host: LabHost, tmp_path: Path, keys: Path) -> None:
    with LabSshd(fresh_lab_host, tmp_path / "sshd") as server:
        server.authorize(ssh.public_key(keys))
        fresh_lab_host.kill_libvirtd()
        said = why_not(server, keys, hostkey.scan(ssh.address_of(server.uri())))
    assert "libvirt does not run on the host" in said


def test_a_host_without_netcat_says_what_to_install(server: LabSshd, keys: Path) -> None:
    key = hostkey.scan(ssh.address_of(server.uri()))
    (server.folder / "bin").mkdir()
    (server.folder / "bin/sh").symlink_to("/bin/sh")
    restart(server, f'ForceCommand PATH={server.folder}/bin; /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
    assert "netcat-openbsd" in why_not(server, keys, key)


def test_a_user_who_may_not_use_libvirt_is_told_the_group(server: LabSshd, keys: Path) -> None:
    key = hostkey.scan(ssh.address_of(server.uri()))
    server.host.run("chmod", "700", "/run/libvirt/libvirt-sock")
    try:
        assert "group libvirt" in why_not(server, keys, key, user="postgres")
    finally:
        server.host.run("chmod", "777", "/run/libvirt/libvirt-sock")


def test_nothing_listening_is_said(server: LabSshd) -> None:
    server.stop()
    with pytest.raises(Unavailable, match="is sshd running on"):
        hostkey.scan(ssh.address_of(server.uri()))


def test_a_name_that_nobody_knows_is_said() -> None:
    with pytest.raises(Unavailable, match="There is no host named"):
        hostkey.scan(ssh.Address("no-such-host.invalid", 22))


def test_our_own_key_is_made_once_and_for_us_alone(keys: Path) -> None:
    made = ssh.public_key(keys)
    ssh.ensure_key(keys)
    assert ssh.public_key(keys) == made
    assert stat.S_IMODE((keys / ssh.PRIVATE_KEY).stat().st_mode) == 0o600
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", keys / ssh.PRIVATE_KEY], check=True, capture_output=True, text=True
    ).stdout
    assert shown.split()[:2] == made.split()[:2]
