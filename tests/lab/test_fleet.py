"""A host of the test driver: one state for all connections, able to hang, gone without a trace."""

import subprocess
import sys
from pathlib import Path

import libvirt
import pytest

from tests.lab import TestFleetHost, labs

pytestmark = pytest.mark.lab
MACHINE = "<domain type='test'><name>{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
OWNER = """\
import os, signal
from tests.lab import TestFleetHost
with TestFleetHost() as host:
    print(host.lab_name, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(host: TestFleetHost) -> set[str]:
    connection = libvirt.open(host.uri)
    try:
        return {domain.name() for domain in connection.listAllDomains()}
    finally:
        connection.close()


def test_what_one_connection_defines_another_sees_after_it_closed(fleet_host: TestFleetHost) -> None:
    connection = libvirt.open(fleet_host.uri)
    connection.defineXML(MACHINE.format("mine"))
    connection.close()
    assert names(fleet_host) == {"test", "mine"}


def test_two_fleet_hosts_do_not_share_machines(fleet_host: TestFleetHost) -> None:
    libvirt.open(fleet_host.uri).defineXML(MACHINE.format("mine"))
    with TestFleetHost() as other:
        assert names(other) == {"test"}


def test_a_hung_fleet_host_answers_again_after_it_resumes(fleet_host: TestFleetHost) -> None:
    fleet_host.hang()
    assert not fleet_host.answers(timeout_s=0.2)
    fleet_host.resume()
    assert fleet_host.answers()


def test_a_hung_fleet_host_closes_and_leaves_nothing() -> None:
    with TestFleetHost() as host:
        assert labs.traces(host.lab_name)
        host.hang()
    assert labs.traces(host.lab_name) == []


def test_the_sweep_removes_the_daemon_of_a_killed_test_run() -> None:
    root = Path(__file__).parents[2]
    killed = subprocess.run(
        [sys.executable, "-c", OWNER], cwd=root, check=False, capture_output=True, text=True
    )
    name = killed.stdout.strip()
    assert labs.is_stale(name)
    labs.sweep()
    assert labs.traces(name) == []
