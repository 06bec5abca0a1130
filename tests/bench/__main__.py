"""`scripts/bench`: one JSON line on stdout for each measurement; what goes wrong, on stderr."""

import json
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tests import slapd
from tests.bench import (
    audit,
    cases,
    consoles,
    create,
    creation,
    directory,
    events,
    hung,
    idle,
    listing,
    pages,
    placement,
    resync,
)
from tests.bench.figures import Calibration
from tests.bench.fleet import Fleet, FleetController
from tests.e2e.controller import Controller
from tests.lab.host import missing

C = TypeVar("C", bound=Controller)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def bench() -> None:
    """Measure Vrabec on a real hypervisor host in namespaces of this machine (needs root).

    Each command starts a controller and a host of its own, prints one JSON line on stdout and leaves nothing.
    Times are milliseconds, medians, with quartiles under "spread". Compare figures of one line, or of lines
    with a like "calibration". docs/develop/measuring.md says what is measured and how.
    """


@bench.command("create")
@click.option("--runs", default=11, show_default=True, help="Pairs of one machine; 0 leaves them out.")
@click.option("--class", "machines", default=0, help="Also so many machines at once; 30 is a class.")
@click.option("--class-runs", default=3, show_default=True, help="Rounds of the class.")
def create_command(runs: int, machines: int, class_runs: int) -> None:
    """A machine by REST and by hand, in turns, up to libvirt's STARTED event.

    A class is that many machines requested at once, up to the last guest's agent; by hand it is done in 1, 4,
    8 and 30 threads, and the best of these is the floor.
    """
    size = create.Size(runs, machines, class_runs)
    _run(lambda controller: create.measure(controller, size), Controller)


@bench.command("idle")
@click.option("--seconds", default=60.0, show_default=True, help="How long to look.")
def idle_command(seconds: float) -> None:
    """Memory (PSS) and CPU of all processes of Vrabec, with one host and one machine that is off."""
    _run(lambda controller: idle.measure(controller, seconds), Controller)


@bench.command("cli")
@click.option("--runs", default=21, show_default=True, help="How often.")
@click.option("--machines", default=50, show_default=True, help="How many machines there are to list.")
def cli_command(runs: int, machines: int) -> None:
    """`vrabec vm list`, from the start of the process to its end."""
    _run(lambda controller: listing.measure(controller, runs, machines), Controller)


@bench.command("consoles")
@click.option("--runs", default=11, show_default=True, help="Pairs of ours and the floor.")
@click.option("--consoles", "count", default=100, show_default=True, help="Screens open at once.")
@click.option("--mib", default=8, show_default=True, help="What each of them shows, a run.")
def consoles_command(runs: int, count: int, mib: int) -> None:
    """Many screens at once, through TLS and WebSockets, and through a bare copy between two sockets."""
    _run(lambda controller: consoles.measure(controller, consoles.Size(runs, count, mib)), Controller)


@bench.command("list")
@click.option("--hosts", default=50, show_default=True, help="Daemons of libvirt's test driver.")
@click.option("--vms", default=40, show_default=True, help="Machines on each of them.")
@click.option("--seconds", default=20.0, show_default=True, help="How long one reads, and then eight.")
@click.option("--events", default=200.0, show_default=True, help="Machines that change meanwhile, a second.")
@click.option("--grants", default=0, help="Readers are somebody with so many grants, else administrators.")
def list_command(hosts: int, vms: int, seconds: float, events: float, grants: int) -> None:
    """The list of machines (first page, filtered, searched) for one reader, and for eight who think 0.2 s."""
    size = pages.Size(seconds, events, grants)
    _run(lambda controller: pages.measure(controller, size), lambda: FleetController(Fleet(hosts, vms)))


@bench.command("resync")
@click.option("--hosts", default=50, show_default=True, help="Daemons of libvirt's test driver.")
@click.option("--vms", default=40, show_default=True, help="Machines on each of them.")
@click.option("--percent", default=4.9, show_default=True, help="How many change in an outage.")
@click.option("--runs", default=7, show_default=True, help="Pairs of ours and the floor.")
def resync_command(hosts: int, vms: int, percent: float, runs: int) -> None:
    """All of a fleet into the database, at first and after outages; beside list and XML in one thread."""
    _needs_lab()
    print(json.dumps(resync.measure(resync.Size(hosts, vms, percent, runs))))


@bench.command("events")
@click.option("--hosts", default=50, show_default=True, help="Daemons of libvirt's test driver.")
@click.option("--vms", default=40, show_default=True, help="Machines on each of them.")
@click.option("--starts", default=60, show_default=True, help="How many machines are seen to start.")
@click.option("--pause", default=0.2, show_default=True, help="Seconds between two of them.")
@click.option("--events", "events_s", default=200.0, show_default=True, help="Others that change, a second.")
def events_command(hosts: int, vms: int, starts: int, pause: float, events_s: float) -> None:
    """A change on a host: how soon it is in the database, and in a browser's event stream."""
    size = events.Size(starts, pause, events_s)
    _run(lambda controller: events.measure(controller, size), lambda: FleetController(Fleet(hosts, vms)))


@bench.command("hung")
@click.option("--hosts", default=50, show_default=True, help="Daemons of libvirt's test driver.")
@click.option("--vms", default=40, show_default=True, help="Machines on each of them.")
@click.option("--runs", default=7, show_default=True, help="Pairs with one host stopped, and none.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each of the two lasts.")
@click.option(
    "--events", "events_s", default=200.0, show_default=True, help="Machines that change, a second."
)
def hung_command(hosts: int, vms: int, runs: int, seconds: float, events_s: float) -> None:
    """The list, and jobs on other hosts, while one host is stopped (SIGSTOP), beside the same without."""
    size = hung.Size(runs, seconds, events_s)
    _run(lambda controller: hung.measure(controller, size), lambda: FleetController(Fleet(hosts, vms)))


@bench.command("directory")
@click.option("--hosts", default=50, show_default=True, help="Daemons of libvirt's test driver.")
@click.option("--vms", default=40, show_default=True, help="Machines on each of them.")
@click.option("--runs", default=7, show_default=True, help="Pairs with the directory stopped, and not.")
@click.option("--seconds", default=10.0, show_default=True, help="How long each of the two lasts.")
@click.option(
    "--events", "events_s", default=200.0, show_default=True, help="Machines that change, a second."
)
def directory_command(hosts: int, vms: int, runs: int, seconds: float, events_s: float) -> None:
    """The list while people try to sign in by an LDAP directory that hangs (SIGSTOP)."""
    size = directory.Size(runs, seconds, events_s)
    with slapd.Slapd({f"p{number}": "Somebody" for number in range(directory.WHO_TRY)}, {}) as ldap:
        _run(
            lambda controller: directory.measure(controller, size),
            lambda: directory.DirectoryController(Fleet(hosts, vms), ldap),
        )


@bench.command("migrate")
@click.option("--runs", default=11, show_default=True, help="Pairs of ours and the floor.")
def migrate_command(runs: int) -> None:
    """A machine moved between two hosts as a job and by `virsh migrate`, in turns; how long it stands."""
    from tests.bench import migrate

    print(json.dumps(migrate.measure(runs)))


@bench.command("placement")
@click.option("--case", required=True, type=_FILE, help="A cluster in Ganeti's text format (.gz too).")
@click.option("--load", type=_FILE, help="Its machines' loads, as for hbal -U (.gz too).")
@click.option(
    "--moves", type=click.Path(path_type=Path), help="Write the moves here, `machine host` in order."
)
@click.option(
    "--peer-seconds", default=60.0, show_default=True, help="How long hbal may take; 0 leaves it out."
)
def placement_command(case: Path, load: Path | None, moves: Path | None, peer_seconds: float) -> None:
    """The scheduler on a cluster, and Debian's hbal beside it. Needs no root and no host."""
    with tempfile.TemporaryDirectory() as folder:
        calibration = Calibration(Path(folder))
        calibration.take()
        line = placement.measure(placement.Files(case, load, moves), peer_seconds)
        calibration.take()
    print(json.dumps(line | {"calibration": calibration.result()}))


@bench.command("placement-rest")
@click.option("--hosts", default=1000, show_default=True)
@click.option("--vms", default=20_000, show_default=True)
@click.option("--runs", default=51, show_default=True, help="Machines that are asked for.")
def placement_rest_command(hosts: int, vms: int, runs: int) -> None:
    """A machine asked for by REST on a filled database: where it goes is found in the request."""
    with tempfile.TemporaryDirectory() as folder:
        calibration = Calibration(Path(folder))
        calibration.take()
        line = creation.measure(Path(folder), hosts, vms, runs)
        calibration.take()
    print(json.dumps(line | {"calibration": calibration.result()}))


@bench.command("audit")
@click.option("--lines", default=10_000, show_default=True)
@click.option("--runs", default=7, show_default=True, help="Times that the record is verified.")
def audit_command(lines: int, runs: int) -> None:
    """The record verified, in turns with its rows read and one HMAC each. Needs no root and no host."""
    with tempfile.TemporaryDirectory() as folder:
        calibration = Calibration(Path(folder))
        calibration.take()
        line = audit.measure(Path(folder), lines, runs)
        calibration.take()
    print(json.dumps(line | {"calibration": calibration.result()}))


@bench.command("placement-case")
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--hosts", default=50, show_default=True)
@click.option("--vms", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="The same seed makes the same files.")
def placement_case_command(name: Path, hosts: int, vms: int, seed: int) -> None:
    """Make up a cluster: NAME.data and NAME.util."""
    cases.write(cases.Case(hosts, vms, seed), name.parent, name.name)


def _run(measure: Callable[[C], dict[str, Any]], make: Callable[[], C]) -> None:
    _needs_lab()
    with make() as controller:
        calibration = Calibration(controller.data)
        calibration.take()
        try:
            line = measure(controller)
        except Exception as error:
            error.add_note(controller.log()[-4000:])
            raise
        calibration.take()
    print(json.dumps(line | {"calibration": calibration.result()}))


def _needs_lab() -> None:
    if reason := missing():
        raise click.ClickException(reason)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


if __name__ == "__main__":
    bench(prog_name="scripts/bench")
