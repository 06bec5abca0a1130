"""The watch of one host: it tells a host that is silent from one that takes its time."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import libvirt
import pytest
from django.db import connection

from tests.e2e.waiting import wait_until
from tests.lab import TestFleetHost
from tests.lab.fixtures import fleet_host
from vrabec.hypervisor import connection as door
from vrabec.hypervisor import stats
from vrabec.hypervisor.reader import Readers
from vrabec.hypervisor.spec import Event, EventKind
from vrabec.inventory import watch
from vrabec.inventory.turns import Turns
from vrabec.inventory.watch import HostWatch
from vrabec.inventory.writer import Writer
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Seen, Vm

__all__ = ["fleet_host"]
SILENT_SECONDS = 0.3


@pytest.fixture
def host(transactional_db: None, fleet_host: TestFleetHost) -> Host:
    return Host.objects.create(name="one", uri=fleet_host.uri)


@pytest.fixture
def watched(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostWatch]:
    """A watch of `host` with short limits, and somebody who checks its silence, as the fleet does."""
    monkeypatch.setattr(watch, "UNREACHABLE_SECONDS", SILENT_SECONDS)
    monkeypatch.setattr(watch, "SWEEP_SECONDS", 0.05)
    writer = Writer()
    running, stop = HostWatch(host, writer, Turns(), Readers()), threading.Event()
    writer.start()
    checker = threading.Thread(target=_check, args=[running, stop])
    running.start()
    checker.start()
    yield running
    stop.set()
    running.stop()
    checker.join()
    running.join(30)
    running.guests.join(30)
    writer.stop()
    writer.join(30)


def _check(running: HostWatch, stop: threading.Event) -> None:
    while not stop.wait(0.05):
        running.check_silence()
    connection.close()


def becomes(host: Host, state: HostState) -> Callable[[], bool]:
    return lambda: Host.objects.get(pk=host.pk).state == state


def test_a_host_that_hung_for_less_than_the_keepalive_is_online_again_without_a_new_connection(
    watched: HostWatch, host: Host, fleet_host: TestFleetHost
) -> None:
    wait_until(becomes(host, HostState.ONLINE), "online")
    fleet_host.hang()
    wait_until(becomes(host, HostState.UNREACHABLE), "unreachable")
    fleet_host.resume()
    wait_until(becomes(host, HostState.ONLINE), "online again", seconds=10)


def test_a_host_whose_libvirt_is_too_old_is_unreachable_and_says_why(
    host: Host, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(door, "LEAST", 99_000_000)
    request.getfixturevalue("watched")
    wait_until(becomes(host, HostState.UNREACHABLE), "unreachable")
    assert "must be 99.0.0 or newer" in Host.objects.get(pk=host.pk).reason
    monkeypatch.setattr(door, "LEAST", 0)
    wait_until(becomes(host, HostState.ONLINE), "online once it was upgraded", seconds=15)


def test_a_host_that_came_back_is_not_online_before_it_was_looked_at(
    watched: HostWatch, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(becomes(host, HostState.ONLINE), "online")
    looked, may_go_on = threading.Event(), threading.Event()
    looks = watched._readers.looks

    def slow_look(*args: Any) -> Any:
        looked.set()
        may_go_on.wait(30)
        return looks(*args)

    monkeypatch.setattr(watched._readers, "looks", slow_look)
    watched._events.put(Event(EventKind.CLOSED, "", "", "keepalive", ""))
    assert looked.wait(10)
    watched._mark_silent()  # not before: by the connection that it had, it would be online at once
    for _ in range(3):
        watched.check_silence()
        assert Host.objects.get(pk=host.pk).state == HostState.UNREACHABLE
    may_go_on.set()
    wait_until(becomes(host, HostState.ONLINE), "online again", seconds=10)


def test_a_pause_is_seen_without_its_xml_being_read_again(
    watched: HostWatch, host: Host, fleet_host: TestFleetHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(becomes(host, HostState.ONLINE), "online")
    monkeypatch.setattr(watch, "_facts", lambda host, uuid: pytest.fail("read"))
    raw = libvirt.open(fleet_host.uri)
    domain = raw.lookupByName("test")
    for change, seen in ((domain.suspend, Seen.PAUSED), (domain.resume, Seen.RUNNING)):
        change()
        wait_until(lambda seen=seen: Vm.objects.get(host=host).seen == seen, f"it is {seen.name}")
    raw.close()


def test_a_host_whose_sweep_takes_long_is_not_silent(
    watched: HostWatch, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until(becomes(host, HostState.ONLINE), "online")
    seen: list[HostState] = []
    done = threading.Event()

    def slowly(connected: object) -> Iterator[object]:
        # Many machines, each of them answered soon: as on a host whose guests share few CPUs.
        for _ in range(10):
            threading.Event().wait(SILENT_SECONDS / 3)
            seen.append(HostState(Host.objects.get(pk=host.pk).state))
        done.set()
        yield from ()

    monkeypatch.setattr(stats, "samples", slowly)
    assert done.wait(60)
    assert set(seen) == {HostState.ONLINE}


@pytest.mark.parametrize(
    ("size", "took_s", "next_size"),
    [(10, 0.01, 20), (10, 0.2, 10), (10, 2.0, 1), (1, 30.0, 1), (10, 0.0, 20), (20, 0.4, 10)],
)
def test_the_slower_the_machines_answer_the_fewer_are_asked_at_once(
    size: int, took_s: float, next_size: int
) -> None:
    assert stats.next_size(size, took_s) == next_size
