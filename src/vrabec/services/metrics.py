"""Figures for monitoring: as many questions to the database, however many rows it has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min

from vrabec import __version__
from vrabec.lib.actor import SYSTEM, Actor
from vrabec.lib.clock import now
from vrabec.lib.heartbeat import last_beat
from vrabec.models.changes import heartbeat_of
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import ACTIVE, Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.health import LOOPS
from vrabec.services.permissions import require


@dataclass(frozen=True)
class Metric:
    """One gauge: its name after "vrabec_", its help, its labels' names, and a value for each set of them."""

    name: str
    help: str
    labels: tuple[str, ...]
    values: Sequence[tuple[tuple[str, ...], float]]


def read_metrics(actor: Actor) -> list[Metric]:
    """All figures. Raises Forbidden, Unauthenticated."""
    require(actor, "metrics.view")
    return [
        Metric("info", "The version that runs.", ("version",), [((__version__,), 1)]),
        *_counts(),
        *_jobs(),
        *_processes(),
        Metric("data_free_bytes", "Room left for the data directory.", (), [((), _free_bytes())]),
    ]


def reader_at(address: str) -> Actor | None:
    """Who may read metrics without a token: a peer whom the setting metrics_from names."""
    with suppress(ValueError):
        peer = ip_address(address)
        if any(peer in ip_network(named) for named in settings.VRABEC_CONFIG.metrics_from):
            return SYSTEM
    return None


def _counts() -> Iterator[Metric]:
    vms = Vm.objects.present().values_list("seen", "is_managed").annotate(n=Count("pk")).order_by()
    found = [((Seen(seen).name.lower(), _word(managed)), float(n)) for seen, managed, n in vms]
    yield Metric("machines", "Machines by what their host last said.", ("state", "managed"), found)
    counted = dict(Host.objects.present().values_list("state").annotate(n=Count("pk")).order_by())
    states = [((state.value,), float(counted.get(state.value, 0))) for state in HostState]
    yield Metric("hosts", "Hosts by whether they answer.", ("state",), states)


def _jobs() -> Iterator[Metric]:
    """All jobs in one question; the age of the oldest that is not done says more than their number."""
    grouped = Job.objects.values_list("kind", "state").order_by()
    jobs = list(grouped.annotate(n=Count("pk"), since=Min("created_at")))
    counts = [((kind, state), float(n)) for kind, state, n, _ in jobs]
    ages = [((kind, state), _age_s(since)) for kind, state, _, since in jobs if state in ACTIVE]
    labels = ("kind", "state")
    yield Metric("jobs", "Jobs by kind and state.", labels, counts)
    yield Metric("jobs_oldest_age_seconds", "Since the oldest job not yet ended was asked for.", labels, ages)


def _processes() -> Iterator[Metric]:
    ages: list[tuple[tuple[str], float]] = []
    memory = [(("web",), _resident_bytes(os.getpid()))]
    for loop in LOOPS:
        if last := last_beat(heartbeat_of(loop)):
            ages.append(((loop,), last.age_s))
            if loop == "jobs":
                memory.append((("engine",), _resident_bytes(last.pid)))
    help_text = "Since the engine's loop last went round; missing when it never did."
    yield Metric("heartbeat_age_seconds", help_text, ("loop",), ages)
    yield Metric("resident_memory_bytes", "Memory of a process; 0 when it is gone.", ("process",), memory)


def _resident_bytes(pid: int) -> float:
    """From /proc/PID/statm, whose second figure is resident pages (proc(5))."""
    try:
        return float(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0.0


def _free_bytes() -> float:
    return float(shutil.disk_usage(settings.DATA_DIR).free)


def _age_s(since: datetime) -> float:
    return max((now() - since).total_seconds(), 0.0)


def _word(flag: bool) -> str:
    return "true" if flag else "false"
