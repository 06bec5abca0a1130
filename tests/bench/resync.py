"""`scripts/bench resync`: how soon all of a fleet is in the database, at first and after an outage.

Inventory runs in this process as in the engine's; it begins with Python loaded and no connection.
"""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt

from tests.bench.figures import Calibration, median, now_ms, quartiles
from tests.bench.fleet import Fleet
from tests.bench.processes import cpu_seconds_of, uses_of
from tests.configuration import write_config
from tests.e2e.waiting import wait_until

LOOK_SECONDS = 0.05
"""Who waits is in this process, too."""


@dataclass(frozen=True)
class Size:
    """How many hosts and machines on each, how many of these change in each outage, how many outages."""

    hosts: int
    vms: int
    percent: float
    runs: int


@dataclass
class Took:
    """What something took: this process and those that read for it; apart, the daemons that answered."""

    ms: float = 0.0
    cpu_s: float = 0.0
    hosts_cpu_s: float = 0.0


def measure(size: Size) -> dict[str, Any]:
    """The line of `scripts/bench resync`: outages in turns with the floor, each first every other time."""
    with tempfile.TemporaryDirectory(prefix="vrabec-bench-") as folder, Fleet(size.hosts, size.vms) as fleet:
        calibration = Calibration(Path(folder))
        calibration.take()
        _make_database(Path(folder), fleet)
        first = _ours(fleet)
        ours: list[Took] = []
        floor: list[Took] = []
        for number in range(size.runs):
            changed = _outage(fleet, size.percent, number)
            for is_ours in (True, False) if number % 2 else (False, True):
                (ours if is_ours else floor).append(_ours(fleet) if is_ours else _floor(fleet))
        _compare(fleet)
        calibration.take()
        ratios = [mine.ms / other.ms for mine, other in zip(ours, floor, strict=True)]
        return {
            "bench": "resync",
            "hosts": size.hosts,
            "vms": size.vms,
            "runs": size.runs,
            "changed": changed,
            "discovered_ms": round(first.ms, 2),
            "ours_ms": median([took.ms for took in ours]),
            "floor_ms": median([took.ms for took in floor]),
            "ratio": median(ratios),
            "spread": {
                "ours_ms": quartiles([took.ms for took in ours]),
                "floor_ms": quartiles([took.ms for took in floor]),
                "ratio": quartiles(ratios),
            },
            "cpu_s": {"discovered": _cpu([first]), "ours": _cpu(ours), "floor": _cpu(floor)},
            "calibration": calibration.result(),
        }


def _cpu(all_took: list[Took]) -> list[float | None]:
    return [median([took.cpu_s for took in all_took]), median([took.hosts_cpu_s for took in all_took])]


def _make_database(folder: Path, fleet: Fleet) -> None:
    os.environ["VRABEC_CONFIG"] = str(write_config(folder, ""))
    os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from vrabec.models.hosts import Host

    for name, host in zip(fleet.names, fleet.hosts, strict=True):
        Host.objects.create(name=name, uri=host.uri)


@contextmanager
def _timed(fleet: Fleet) -> Iterator[Took]:
    took = Took()
    hosts_cpu_s = sum(cpu_seconds_of(host.pid) for host in fleet.hosts)
    cpu_s, began = _own_cpu_s(), now_ms()
    yield took
    took.ms, took.cpu_s = now_ms() - began, _own_cpu_s() - cpu_s
    took.hosts_cpu_s = sum(cpu_seconds_of(host.pid) for host in fleet.hosts) - hosts_cpu_s


def _own_cpu_s() -> float:
    """Of this process and of its readers, which end when inventory does."""
    uses = uses_of(os.getpid()).values()
    return time.process_time() + sum(use.cpu_seconds for use in uses if use.name == "reader")


def _ours(fleet: Fleet) -> Took:
    """From the start of inventory until each host was looked at as a whole, which makes it online."""
    from vrabec.inventory.fleet import Fleet as Inventory
    from vrabec.models.hosts import Host, HostState

    Host.objects.update(state=HostState.UNREACHABLE)
    inventory = Inventory()
    with _timed(fleet) as took:
        inventory.start()
        wait_until(
            lambda: not Host.objects.exclude(state=HostState.ONLINE).exists(),
            "all hosts are online",
            pause=LOOK_SECONDS,
        )
    inventory.stop()
    wait_until(lambda: threading.active_count() <= _RESTING, "inventory has ended")
    return took


_RESTING = 2
"""Threads that go on: this one and libvirt's own loop."""


def _floor(fleet: Fleet) -> Took:
    """Connect, list, and fetch the XML of each: what nobody can do without who remembers nothing."""
    with _timed(fleet) as took:
        for host in fleet.hosts:
            raw = libvirt.open(host.uri)
            for domain in raw.listAllDomains():
                domain.XMLDesc()
            raw.close()
    return took


def _outage(fleet: Fleet, percent: float, number: int) -> int:
    """Meanwhile so many machines of each host start or stop, others each time. Gives how many in all."""
    count = max(1, int(fleet.vms * percent / 100))
    for host in fleet.hosts:
        raw = libvirt.open(host.uri)
        domains = sorted(raw.listAllDomains(), key=lambda domain: str(domain.name()))
        for place in range(number * count, (number + 1) * count):
            domain = domains[place % len(domains)]
            if domain.isActive():
                domain.destroy()
            else:
                domain.create()
        raw.close()
    return count * len(fleet.hosts)


def _compare(fleet: Fleet) -> None:
    """Every machine is in the database, and as it is."""
    from vrabec.models.vms import Seen, Vm

    rows = Vm.objects.present().values_list("host__name", "name", "seen")
    ours = {(host, name): seen == Seen.RUNNING for host, name, seen in rows}
    theirs: dict[tuple[str, str], bool] = {}
    for host_name, host in zip(fleet.names, fleet.hosts, strict=True):
        raw = libvirt.open(host.uri)
        theirs |= {(host_name, domain.name()): bool(domain.isActive()) for domain in raw.listAllDomains()}
        raw.close()
    if ours != theirs:
        raise RuntimeError(f"{len(ours.items() ^ theirs.items())} machines are not as their hosts say")
