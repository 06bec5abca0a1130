"""How uneven a cluster is, as one number: less is better.

The formula is that of hbal(1), "CLUSTER SCORING", for storage that every host reaches: standard deviations
over the hosts in use of the fractions of memory and disk taken, of promised CPUs to real ones and of each
load; and much more for machines on hosts that are offline and for machines of one farm on one host.
"""

from __future__ import annotations

import numpy as np

from vrabec.scheduler.fleet import Fleet, Floats, Vms
from vrabec.scheduler.use import Use

WEIGHTS = np.array([0.5, 0.5, 1, 1, 1, 1, 1, 1])
"""Memory that is taken now, that is promised, disk, CPUs, and the loads of CPU, memory, disk and net."""

OFFLINE = 4.0 + 16.0
"""For each machine on a host that is offline."""

TOGETHER = 2.0
"""For each machine of a farm that is on a host in use with another one of it, but for the first."""


def score(fleet: Fleet) -> float:
    """The score of a cluster."""
    return score_of(Use(fleet))


def score_of(use: Use) -> float:
    """The score of a cluster while moves are tried."""
    fractions = spread(use)[:, ~use.fleet.hosts.offline]
    deviations = fractions.std(axis=1) if fractions.size else np.zeros(len(WEIGHTS))
    return float(WEIGHTS @ deviations) + offences(use)


def offences(use: Use) -> float:
    """The part of the score that counts machines."""
    offline = use.fleet.hosts.offline
    away = np.count_nonzero(offline[use.where])
    together = np.maximum(use.farm_count[:, ~offline] - 1, 0).sum()
    return float(OFFLINE * away + TOGETHER * together)


def spread(use: Use) -> Floats:
    """What should be even: a row a metric, a column a host."""
    hosts = use.fleet.hosts
    taken = (
        hosts.memory_kept_mib + use.running_mib,
        hosts.memory_kept_mib + use.memory_mib,
        hosts.disk_kept_mib + use.disk_mib,
        hosts.cpus_kept + use.cpus,
        *use.load.T,
    )
    return np.stack(taken) * hosts.scale


def amounts(vms: Vms) -> Floats:
    """What each machine brings to each metric: a row a machine."""
    return np.column_stack([vms.memory_mib * vms.runs, vms.memory_mib, vms.disk_mib, vms.cpus, vms.load])
