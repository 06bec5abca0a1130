"""Connections to hosts that refuse, hang or vanish: every call ends in time, with Unavailable."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.conftest import Site
from tests.contract.waiting import until
from tests.lab import LabHost, TestFleetHost
from vrabec.hypervisor import connection, domains, events
from vrabec.hypervisor.connection import HUNG_CALL_LIMIT_S, HostConnection
from vrabec.hypervisor.spec import Event, EventKind
from vrabec.lib.errors import HostError, Unavailable

SLACK_S = 4
OPEN_LIMIT_S = 2


def sockets() -> set[str]:
    found = set()
    for entry in os.scandir("/proc/self/fd"):
        try:
            found.add(os.readlink(entry.path))
        except FileNotFoundError:
            continue
    return {name for name in found if name.startswith("socket:")}


@contextmanager
def hung(host: LabHost | TestFleetHost) -> Iterator[None]:
    host.hang()
    try:
        yield
    finally:
        host.resume()
        until(lambda: host.answers(timeout_s=1), timeout_s=30)


class Timed:
    """Runs a call in a thread of its own and keeps how it ended."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.error: BaseException | None = None
        self.took_s = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        begun = time.monotonic()
        try:
            self._call()
        except Unavailable as error:
            self.error = error
        self.took_s = time.monotonic() - begun

    def wait(self) -> "Timed":
        """Itself, once the call has ended."""
        self._thread.join()
        return self


def ask(host: HostConnection) -> object:
    return list(domains.all_facts(host))


def test_a_connection_answers_and_closes(site: Site) -> None:
    host = connection.open_host(site.uri)
    ask(host)
    assert host.is_alive()
    host.close()
    host.close()
    assert not host.is_alive()
    with pytest.raises(Unavailable, match="closed"):
        ask(host)


def test_a_closed_connection_leaves_no_socket(site: Site) -> None:
    connection.start_event_loop()
    before = sockets()
    for _ in range(3):
        with connection.open_host(site.uri) as host:
            events.watch(host, lambda event: None)
            ask(host)
    until(lambda: sockets() <= before)  # libvirt's own goes when its event loop comes round


def test_a_hung_host_holds_nobody_for_ever(site: Site) -> None:
    """All at once, as it takes keep-alive's 20 s. Each connection has one call in flight."""
    asked, idle, closed_midway = (connection.open_host(site.uri, timeout_s=OPEN_LIMIT_S) for _ in range(3))
    heard: list[Event] = []
    events.watch(asked, heard.append)
    with hung(site.host):
        call = Timed(lambda: ask(asked))
        second_call = Timed(lambda: ask(asked))
        opens = [Timed(lambda: connection.open_host(site.uri, timeout_s=OPEN_LIMIT_S)) for _ in range(2)]
        idle_close = Timed(idle.close)
        call_midway = Timed(lambda: ask(closed_midway))
        time.sleep(0.2)
        midway_close = Timed(closed_midway.close)
        for opened in opens:
            assert isinstance(opened.wait().error, Unavailable)
            assert opened.took_s < OPEN_LIMIT_S + SLACK_S
        for close in (idle_close, midway_close):
            assert close.wait().error is None
            assert close.took_s < 2 * OPEN_LIMIT_S + SLACK_S
        assert isinstance(call_midway.wait().error, Unavailable)
        assert call_midway.took_s < 2 * OPEN_LIMIT_S + SLACK_S
        assert isinstance(call.wait().error, Unavailable)
        assert call.took_s < HUNG_CALL_LIMIT_S + SLACK_S
        assert isinstance(second_call.wait().error, Unavailable)
        until(lambda: not asked.is_alive())
    until(lambda: any(event.kind is EventKind.CLOSED for event in heard))
    asked.close()
    with connection.open_host(site.uri) as host:
        ask(host)


def test_a_host_whose_libvirt_is_too_old_is_refused_with_both_versions(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.open_host(site.uri) as host:
        version = connection.version_text(host.raw.getLibVersion())
    monkeypatch.setattr(connection, "LEAST", 99_001_002)
    with pytest.raises(HostError, match=rf"is {re.escape(version)}, and must be 99\.1\.2 or newer"):
        connection.open_host(site.uri)


def test_a_host_that_hangs_for_a_moment_is_not_lost(site: Site) -> None:
    with connection.open_host(site.uri) as host:
        with hung(site.host):
            call = Timed(lambda: ask(host))
            time.sleep(1)
        assert call.wait().error is None
        assert host.is_alive()


def test_a_line_that_is_cut_is_somebody_elses_never(site: Site) -> None:
    """The watchdog under an open finds the new socket, not one of another connection to the host."""
    with connection.open_host(site.uri) as bystander:
        with hung(site.host), pytest.raises(Unavailable):
            connection.open_host(site.uri, timeout_s=0.5)
        ask(bystander)
        assert bystander.is_alive()


def test_nobody_listening_is_said_at_once(tmp_path: Path) -> None:
    for uri in (
        f"test+unix:///default?socket={tmp_path}/none",
        f"qemu+unix:///system?socket={tmp_path}/none",
    ):
        with pytest.raises(Unavailable, match="does not run"):
            connection.open_host(uri)


def test_a_uri_that_libvirt_does_not_know_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        connection.open_host("nonsense:///system")


def test_the_test_driver_in_this_process_needs_no_line() -> None:
    with connection.open_host("test:///default") as host:
        assert len(list(domains.all_facts(host))) == 1


@pytest.mark.lab
def test_power_loss_is_noticed(fresh_lab_host: LabHost) -> None:
    with connection.open_host(fresh_lab_host.uri) as host:
        heard: list[Event] = []
        events.watch(host, heard.append)
        fresh_lab_host.power_loss()
        until(lambda: [event.kind for event in heard] == [EventKind.CLOSED])
        with pytest.raises(Unavailable, match="broke off"):
            ask(host)
    with pytest.raises(Unavailable, match="does not run"):
        connection.open_host(fresh_lab_host.uri)
