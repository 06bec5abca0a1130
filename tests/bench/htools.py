"""Ganeti's cluster files as a fleet: the text format of htools(1), `-t`, with the loads of hbal(1), `-U`."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vrabec.scheduler.fleet import NO_FARM, Fleet, Hosts, Limits, Vms

_LOCAL = ("plain", "drbd", "file")
_DOWN = ("ADMIN_down", "ADMIN_offline", "ERROR_down", "USER_down")  # take no memory now
_RESERVES_NOTHING = "ADMIN_offline"
_EXCLUSION = "htools:iextags:"


@dataclass(frozen=True)
class Sections:
    """The five sections of a data file, each a list of rows."""

    nodes: list[list[str]]
    instances: list[list[str]]
    cluster_tags: list[str]
    policies: list[list[str]]


def read_fleet(data: Path, load: Path | None = None) -> Fleet:
    """The cluster of a data file, with the loads of a file for `-U`; without one each is 1, as for hbal."""
    sections = _sections(_text(data))
    loads = _loads(_text(load)) if load else {}
    vms = _vms(sections, loads)
    hosts = _hosts(sections, vms)
    return Fleet(hosts, vms, Limits(cpu_ratio=_cpu_ratio(sections.policies)))


def _text(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rt") as file:
            return file.read()
    return path.read_text()


def _sections(text: str) -> Sections:
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line:
            parts[-1].append(line)
        else:
            parts.append([])
    _groups, nodes, instances, tags, policies = (parts + [[]] * 5)[:5]
    return Sections(_rows(nodes), _rows(instances), tags, _rows(policies))


def _rows(lines: list[str]) -> list[list[str]]:
    return [line.split("|") for line in lines]


def _loads(text: str) -> dict[str, list[float]]:
    rows = (line.split() for line in text.splitlines() if line.strip())
    return {name: [float(value) for value in values] for name, *values in rows}


def _vms(sections: Sections, loads: dict[str, list[float]]) -> Vms:
    rows = sections.instances
    host = {row[0]: number for number, row in enumerate(sections.nodes)}
    local = np.array([row[8] in _LOCAL for row in rows], bool)
    disk = np.array([float(row[2]) for row in rows])
    return Vms(
        names=tuple(row[0] for row in rows),
        host=np.array([host[row[6]] for row in rows], np.int64),
        memory_mib=np.array([float(row[1]) for row in rows]),
        disk_mib=np.where(local, disk, 0.0),
        cpus=np.array([0.0 if row[4] == _RESERVES_NOTHING else float(row[3]) for row in rows]),
        load=np.array([loads.get(row[0], [1.0] * 4) for row in rows]).reshape(len(rows), 4),
        runs=np.array([row[4] not in _DOWN for row in rows], bool),
        pinned=local,
        farms=_farms(rows, sections.cluster_tags),
        needs=np.zeros(len(rows), np.uint64),
    )


def _farms(rows: list[list[str]], cluster_tags: list[str]) -> np.ndarray:
    prefixes = tuple(f"{tag.removeprefix(_EXCLUSION)}:" for tag in cluster_tags if tag.startswith(_EXCLUSION))
    numbers: dict[str, int] = {}
    wanted = [[tag for tag in row[9].split(",") if tag and tag.startswith(prefixes)] for row in rows]
    farms = np.full((len(rows), max(map(len, wanted), default=0)), NO_FARM, np.int64)
    for vm, tags in enumerate(wanted):
        for place, tag in enumerate(tags):
            farms[vm, place] = numbers.setdefault(tag, len(numbers))
    return farms


def _hosts(sections: Sections, vms: Vms) -> Hosts:
    rows = sections.nodes
    offline = np.array([row[7] == "Y" or "?" in row[1:7] for row in rows], bool)
    memory, disk = _column(rows, 1), _column(rows, 4)
    used = np.bincount(vms.host, vms.memory_mib * vms.runs, minlength=len(rows))
    local = np.bincount(vms.host, vms.disk_mib, minlength=len(rows))
    return Hosts(
        names=tuple(row[0] for row in rows),
        memory_mib=memory,
        memory_kept_mib=memory - _column(rows, 3) - used,
        disk_mib=disk,
        disk_kept_mib=disk - _column(rows, 5) - local,
        cpus=_column(rows, 6),
        cpus_kept=np.array([float(row[13]) if len(row) > 13 else 1.0 for row in rows]),
        cpu_speed=np.array([float(row[14]) if len(row) > 14 else 1.0 for row in rows]),
        offline=offline,
        offers=np.zeros(len(rows), np.uint64),
    )


def _column(rows: list[list[str]], number: int) -> np.ndarray:
    return np.array([float(row[number]) if row[number] != "?" else 1.0 for row in rows])


def _cpu_ratio(policies: list[list[str]]) -> float:
    """The least ratio of CPUs that a policy allows: the group's own, when it has one."""
    return float(policies[-1][4]) if policies and len(policies[-1]) > 4 else float("inf")
