"""Processes of a measurement: where they run, what they use, and how they are held still."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.controller import HOST, Controller
from tests.e2e.waiting import wait_until
from tests.processes import arguments_of, children_of
from vrabec_client.errors import Unavailable

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Use:
    """What a process uses: its share of memory, and the CPU time of all its threads since it began."""

    name: str
    pss_mib: float
    cpu_seconds: float


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    return [pid, *(member for child in children_of(pid) for member in family(child))]


def uses_of(pid: int) -> dict[int, Use]:
    """What a process and all that come from it use now, by their ids; those that just end are left out."""
    uses: dict[int, Use] = {}
    for member in family(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            uses[member] = _use_of(member)
    return uses


def _use_of(pid: int) -> Use:
    """Formats: proc(5)."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    [pss_kib] = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    return Use(_name_of(pid), pss_kib / 1024, cpu_seconds_of(pid))


def cpu_seconds_of(pid: int) -> float:
    """CPU time of all threads of a process since it began. Format: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


@contextmanager
def held_still(controller: Controller) -> Iterator[None]:
    """Stop all processes of a controller: what it does by itself must not slow the floor.

    It finds the world changed, as after a suspend, and is in touch with its host again at the end.
    """
    members = family(controller.pid)
    try:
        for member in members:
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGSTOP)
        yield
    finally:
        for member in reversed(members):
            with suppress(ProcessLookupError):
                os.kill(member, signal.SIGCONT)
        wait_until(lambda: _is_online(controller), "the controller sees its host again")


def _is_online(controller: Controller) -> bool:
    with suppress(Unavailable), controller.client() as client:
        return client.find_host(HOST)["state"] == "online"
    return False


def _name_of(pid: int) -> str:
    """The module that a Python process runs, else its command."""
    arguments = arguments_of(pid)
    if "-m" in arguments:
        return arguments[arguments.index("-m") + 1].rpartition(".")[2]
    return "supervisor" if "serve" in arguments else Path("".join(arguments[:1])).name
