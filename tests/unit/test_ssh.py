"""The way to a host by ssh: what may stand in a URI, and what libvirt is given."""

import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from vrabec.lib import ssh
from vrabec.lib.errors import Invalid, NotFound

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdpdmVuIGZvciB0ZXN0cywgbm90IGEgcmVhbCBrZXkh"
REFUSED = {
    "qemu+ssh:///system": "name or address",
    "qemu+ssh://-oProxyCommand=x/system": "name or address",
    "qemu+ssh://kvm1;reboot/system": "name or address",
    "qemu+ssh://root:secret@kvm1/system": "no password",
    "qemu+ssh://-l@kvm1/system": "user's name",
    "qemu+ssh://kvm1:99999/system": "port",
    "qemu+ssh://kvm1/system?command=/bin/sh": "Leave command out",
    "qemu+ssh://kvm1/system?no_verify=1": "Leave no_verify out",
    "qemu+ssh://kvm1/system?keyfile=": "Leave keyfile out",
    "qemu+ssh://kvm1/system?socket=/x;Key%66ile=/y": "Leave keyfile out",
}


@pytest.mark.parametrize("uri", REFUSED)
def test_what_ssh_must_not_be_given_is_refused(uri: str) -> None:
    with pytest.raises(Invalid, match=REFUSED[uri]):
        ssh.address_of(uri)


def test_names_addresses_and_ports_are_understood() -> None:
    assert ssh.address_of("qemu+ssh://root@kvm1.example.org/system") == ssh.Address("kvm1.example.org", 22)
    assert ssh.address_of("qemu+ssh://[2001:db8::7]:2222/system?socket=/run/x") == ssh.Address(
        "2001:db8::7", 2222
    )


def test_a_fingerprint_is_what_ssh_keygen_shows(tmp_path: Path) -> None:
    ssh.ensure_key(tmp_path)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / ssh.PUBLIC_KEY], check=True, capture_output=True, text=True
    ).stdout
    assert ssh.fingerprint(ssh.public_key(tmp_path)) == shown.split()[1]


def test_what_is_no_key_has_no_fingerprint() -> None:
    with pytest.raises(Invalid, match="no public key"):
        ssh.fingerprint("ssh-ed25519 !!")


def test_libvirt_is_given_a_command_that_knows_one_host_key_and_no_other(tmp_path: Path) -> None:
    uri = ssh.pinned("qemu+ssh://root@kvm1/system?socket=/run/x", tmp_path / "keys", KEY)
    query = parse_qs(urlsplit(uri).query)
    assert query["socket"] == ["/run/x"]
    command = Path(query["command"][0])
    assert command.stat().st_mode & 0o777 == 0o700
    options = subprocess.run([command, "-G", "kvm1"], check=True, capture_output=True, text=True).stdout
    said = dict(line.split(" ", 1) for line in options.splitlines() if " " in line)
    assert said["stricthostkeychecking"] in ("yes", "true")
    assert said["batchmode"] == "yes"
    assert said["identitiesonly"] == "yes"
    assert (command.parent / said["userknownhostsfile"]).read_text() == f"host {KEY}\n"
    assert ssh.pinned("qemu+ssh://root@kvm1/system?socket=/run/x", tmp_path / "keys", KEY) == uri


def test_a_command_that_a_backup_brought_back_can_be_run_again(tmp_path: Path) -> None:
    uri = ssh.pinned("qemu+ssh://kvm1/system", tmp_path, KEY)
    command = Path(parse_qs(urlsplit(uri).query)["command"][0])
    command.chmod(0o600)
    ssh.pinned("qemu+ssh://kvm1/system", tmp_path, KEY)
    assert command.stat().st_mode & 0o777 == 0o700


def test_before_there_is_a_key_somebody_is_told_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="vrabecd migrate"):
        ssh.public_key(tmp_path)
