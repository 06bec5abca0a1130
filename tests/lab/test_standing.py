"""The lab of scripts/lab: hosts that are reached in both ways, and gone."""

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import libvirt
import pytest

from tests.lab import labs, standing
from tests.lab.host import missing
from tests.lab.roots import other_suite

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing()), reason=missing() or ""),
]


def by_ssh(lab: standing.Lab, host: standing.Host, command: str) -> list[str]:
    """What a host answers inside the lab's network."""
    options = ["-i", f"{lab.folder}/key", "-o", f"UserKnownHostsFile={lab.folder}/known_hosts"]
    enter = ["nsenter", f"--net={labs.NETWORK_NAMESPACES / lab.network}"]
    line = [*enter, "ssh", "-o", "BatchMode=yes", *options, f"root@{host.address}", command]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("suites", [(), (other_suite(),)], ids=["this Debian", "another Debian"])
def test_hosts_answer_by_libvirt_and_by_ssh_share_a_folder_and_leave_nothing(suites: tuple[str, ...]) -> None:
    with standing.hosts(2, suites) as lab:
        (Path(lab.shared) / "note").write_text("here")
        for host in lab.hosts:
            connection = libvirt.open(f"qemu+unix:///system?socket={host.socket}")
            assert connection.getHostname() == host.name
            connection.close()
            assert by_ssh(lab, host, f"hostname; cat {lab.shared}/note") == [host.name, "here"]
    assert labs.traces(lab.network) == []
    assert not Path(lab.folder).exists()


def test_a_lab_whose_keeper_was_killed_stands_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "STATE", tmp_path / "lab.json")
    living = labs.new_name()
    dead = living.replace(living.split("-")[4], "1")  # the same pid, started at another time
    for network, stands in ((living, True), (dead, False)):
        lab = standing.Lab(1, network, "/nowhere", [standing.Host("host1", "10.77.0.1", "/nowhere/socket")])
        standing.STATE.write_text(json.dumps(asdict(lab)))
        assert standing.standing() == (lab if stands else None)
    assert not standing.STATE.exists()
