"""Screens and serial lines of real machines. The test driver has neither: it says so."""

import queue

import pytest

from tests.contract.conftest import Site
from tests.lab import TestFleetHost
from vrabec.hypervisor import console, domains, lifecycle
from vrabec.hypervisor.connection import HostConnection, open_host
from vrabec.hypervisor.spec import VmSpec
from vrabec.lib.errors import Conflict, HostError, NotFound, WrongState

PATIENCE_S = 30


@pytest.fixture
def running(host: HostConnection, machine: VmSpec) -> VmSpec:
    """A machine that runs."""
    lifecycle.start(host, machine.uuid)
    return machine


def test_a_screen_speaks_vnc_and_outlives_the_connection_it_came_over(site: Site, running: VmSpec) -> None:
    with open_host(site.uri) as own:
        screen = console.open_screen(own, running.uuid)
    with screen:
        screen.settimeout(PATIENCE_S)
        assert screen.recv(12) == b"RFB 003.008\n"
        screen.sendall(b"RFB 003.008\n")
        assert screen.recv(2) == b"\x01\x01"  # one way to sign in: none


def test_a_screen_can_be_seen_by_several(host: HostConnection, running: VmSpec) -> None:
    with console.open_screen(host, running.uuid) as one, console.open_screen(host, running.uuid) as other:
        for screen in (one, other):
            screen.settimeout(PATIENCE_S)
            assert screen.recv(12) == b"RFB 003.008\n"


def test_a_machine_that_is_off_has_no_console(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(WrongState, match="off"):
        console.open_screen(host, machine.uuid)
    with pytest.raises(WrongState, match="off"):
        console.SerialLine(host, machine.uuid, print, take=False)


def test_a_machine_that_is_not_there_has_no_console(host: HostConnection) -> None:
    with pytest.raises(NotFound):
        console.open_screen(host, "00000000-0000-0000-0000-000000000001")


def test_a_serial_line_has_one_reader_until_another_takes_it(site: Site, running: VmSpec) -> None:
    first_heard: queue.Queue[bytes] = queue.Queue()
    with open_host(site.uri) as one, open_host(site.uri) as other:
        first = console.SerialLine(one, running.uuid, first_heard.put, take=False)
        with pytest.raises(Conflict, match="Somebody has the serial console open"):
            console.SerialLine(other, running.uuid, lambda data: None, take=False)
        second = console.SerialLine(other, running.uuid, lambda data: None, take=True)
        assert first_heard.get(timeout=PATIENCE_S) == b""
        first.close()
        second.close()


def test_a_serial_line_that_was_given_back_is_free(host: HostConnection, running: VmSpec) -> None:
    for _ in range(3):
        console.SerialLine(host, running.uuid, lambda data: None, take=False).close()


def test_a_serial_line_ends_with_the_machine(site: Site, host: HostConnection, running: VmSpec) -> None:
    heard: queue.Queue[bytes] = queue.Queue()
    with open_host(site.uri) as own:
        line = console.SerialLine(own, running.uuid, heard.put, take=False)
        lifecycle.destroy(host, running.uuid)
        while heard.get(timeout=PATIENCE_S):
            pass
        line.close()


def test_a_host_that_cannot_hand_screens_over_says_so(fleet_host: TestFleetHost) -> None:
    with open_host(fleet_host.uri) as host:
        [machine] = domains.all_facts(host)
        with pytest.raises((HostError, WrongState)):
            console.open_screen(host, machine.uuid)
