"""Hosts that are read by a process of its own: as from here, and whatever happens nobody waits for ever."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import libvirt
import pytest

from tests.contract.conftest import Site
from tests.contract.test_connection import Timed, hung
from tests.contract.waiting import until
from tests.lab import TestFleetHost
from tests.processes import arguments_of, children_of
from vrabec.hypervisor import connection, domains, lifecycle, reader, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.reader import Readers
from vrabec.hypervisor.spec import DomainFacts, Known, Standing, VmSpec
from vrabec.lib.errors import Unavailable

MANY = 300
RESTING = 2
"""Threads of a reader that waits for work."""


@pytest.fixture
def readers() -> Iterator[Readers]:
    before = processes()
    made = Readers()
    yield made
    made.end_idle(after_s=0)
    assert processes() == before


def processes() -> set[int]:
    """The readers that this process has."""
    return {pid for pid in children_of("self") if is_reader(pid)}


def is_reader(pid: int) -> bool:
    return reader.__name__ in arguments_of(pid)


@pytest.fixture
def many(fleet_host: TestFleetHost) -> Iterator[HostConnection]:
    """A host of so many machines that reading them is interrupted in the middle."""
    with connection.open_host(fleet_host.uri) as host:
        with host.calling() as raw:
            made = [raw.createXML(MACHINE.format(number)) for number in range(MANY)]
        yield host
    raw = libvirt.open(fleet_host.uri)
    for domain in made:
        raw.lookupByUUID(domain.UUID()).destroy()
    raw.close()


MACHINE = "<domain type='test'><name>many-{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"


def test_a_reader_says_what_is_said_here(
    host: HostConnection, new_spec: Callable[[], VmSpec], readers: Readers
) -> None:
    specs = [new_spec() for _ in range(3)]
    for spec in specs:
        lifecycle.define(host, xml.domain_xml(spec))
    lifecycle.start(host, specs[0].uuid)
    read = list(readers.looks(host, {}))
    assert read == list(domains.all_facts(host))
    assert [found.xml for found in read if isinstance(found, DomainFacts)] == [
        found.xml for found in domains.all_facts(host)
    ]
    known = {one.uuid: Known(one.digest, one.state, one.agent_connected) for one in domains.all_facts(host)}
    assert list(readers.looks(host, known)) == [Standing.of(found) for found in read]


def test_a_reader_is_used_again_and_ends_without_work(site: Site, readers: Readers) -> None:
    with connection.open_host(site.uri) as host:
        list(readers.looks(host, {}))
        [pid] = processes()
        list(readers.looks(host, {}))
        readers.end_idle()
        assert processes() == {pid}
    readers.end_idle(after_s=0)
    assert not processes()


def test_machines_within_this_process_are_read_here(readers: Readers) -> None:
    with connection.open_host("test:///default") as host:
        assert [found.uuid for found in readers.looks(host, {})] == [
            found.uuid for found in domains.all_facts(host)
        ]
    assert not processes()


def test_a_host_that_hangs_while_it_is_read_is_lost_with_its_connection(
    site: Site, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_INTERVAL_S", 1)
    with connection.open_host(site.uri) as host:
        list(readers.looks(host, {}))
        with hung(site.host), pytest.raises(Unavailable, match="does not answer"):
            list(readers.looks(host, {}))
        assert not processes()
    with connection.open_host(site.uri) as host:
        assert list(readers.looks(host, {})) == list(domains.all_facts(host))


def test_the_ssh_of_a_reader_ends_with_it(
    fleet_host: TestFleetHost, readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_INTERVAL_S", 1)
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 60\n")  # it heeds no end of its input: its host does not answer
    ssh.chmod(0o755)
    with connection.open_host(fleet_host.uri) as host:
        list(readers.looks(host, {}))
        [pid] = processes()
        host.uri = f"test+ssh://somewhere.example/default?command={ssh}&no_verify=1"
        call = Timed(lambda: list(readers.looks(host, {})))
        until(lambda: len(group_of(pid)) == 2)
        with hung(fleet_host):
            assert isinstance(call.wait().error, Unavailable)
        assert group_of(pid) == []


def group_of(leader: int) -> list[int]:
    """The processes of a group that run."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and arguments_of(int(name))]
    return [pid for pid in pids if _group_id_of(pid) == leader]


def _group_id_of(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0


def test_a_reader_that_dies_is_said_and_the_next_one_reads(many: HostConnection, readers: Readers) -> None:
    looks = readers.looks(many, {})
    next(looks)
    for pid in processes():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="broke off"):
        list(looks)
    assert len(list(readers.looks(many, {}))) >= MANY


def test_what_is_not_read_to_its_end_is_not_read_by_the_next(many: HostConnection, readers: Readers) -> None:
    looks = readers.looks(many, {})
    first = next(looks)
    looks.close()
    assert not processes()
    assert next(readers.looks(many, {})) == first


def test_a_refused_connection_is_told_as_from_here(site: Site, readers: Readers, tmp_path: Path) -> None:
    with connection.open_host(site.uri) as host:
        host.uri = f"test+unix:///default?socket={tmp_path}/none"
        with pytest.raises(Unavailable, match="does not run"):
            list(readers.looks(host, {}))


ENGINE = """
import sys
from vrabec.hypervisor import connection
from vrabec.hypervisor.reader import Readers
readers, host = Readers(), connection.open_host(sys.argv[1])
list(readers.looks(host, {}))
print(flush=True)
sys.stdin.readline()
list(readers.looks(host, {}))
"""


def test_a_reader_that_waits_for_a_hung_host_ends_with_its_engine(site: Site) -> None:
    command = [sys.executable, "-c", ENGINE, site.uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdin
        assert engine.stdout
        engine.stdout.readline()
        [pid] = children_of(engine.pid)
        until(lambda: count_of_threads(pid) == RESTING)
        with hung(site.host):
            engine.stdin.write("\n")
            engine.stdin.flush()
            until(lambda: count_of_threads(pid) > RESTING)  # the watchdog of a connection that is opened
            engine.kill()
            until(lambda: not is_reader(pid))


def count_of_threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
