"""Made-up clusters for the scheduler's tests."""

from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from vrabec.scheduler.fleet import NO_FARM, Fleet, Hosts, Limits, Vms

GIB = 1024.0

untimed = settings(deadline=None, max_examples=30)
"""For laws about whole clusters: how long one takes says nothing."""


def fleet(hosts: Sequence[dict], vms: Sequence[dict], limits: Limits | None = None) -> Fleet:
    """A cluster of what is said and of plain values for what is not."""
    return Fleet(_hosts(hosts), _vms(vms), limits or Limits())


def _hosts(rows: Sequence[dict]) -> Hosts:
    return Hosts(
        names=tuple(f"h{number}" for number in range(len(rows))),
        memory_mib=_column(rows, "memory", 64 * GIB),
        memory_kept_mib=_column(rows, "kept", 0),
        disk_mib=_column(rows, "disk", 1000 * GIB),
        disk_kept_mib=_column(rows, "disk_kept", 0),
        cpus=_column(rows, "cpus", 16),
        cpus_kept=_column(rows, "cpus_kept", 0),
        cpu_speed=_column(rows, "speed", 1),
        offline=_column(rows, "offline", 0).astype(bool),
        offers=_column(rows, "offers", 0).astype(np.uint64),
    )


def _vms(rows: Sequence[dict]) -> Vms:
    loads = [row.get("load", (0.1, 0.1, 0.1, 0.1)) for row in rows]
    return Vms(
        names=tuple(f"vm{number}" for number in range(len(rows))),
        host=_column(rows, "host", 0).astype(np.int64),
        memory_mib=_column(rows, "memory", 4 * GIB),
        disk_mib=_column(rows, "disk", 0),
        cpus=_column(rows, "cpus", 2),
        load=np.array(loads, float).reshape(len(rows), 4),
        runs=_column(rows, "runs", 1).astype(bool),
        pinned=_column(rows, "pinned", 0).astype(bool),
        farms=_column(rows, "farm", NO_FARM).astype(np.int64).reshape(len(rows), 1),
        needs=_column(rows, "needs", 0).astype(np.uint64),
    )


def _column(rows: Sequence[dict], key: str, otherwise: float) -> np.ndarray:
    return np.array([row.get(key, otherwise) for row in rows], float)


_HOST = st.fixed_dictionaries(
    {
        "memory": st.sampled_from([16 * GIB, 32 * GIB, 48 * GIB]),
        "kept": st.sampled_from([0.0, 512.0]),
        "cpus": st.sampled_from([4, 8, 12]),
        "cpus_kept": st.sampled_from([0, 1]),
        "speed": st.sampled_from([1.0, 1.0, 1.5]),
        "offline": st.sampled_from([False, False, False, True]),
        "offers": st.sampled_from([1, 3, 3, 7]),
    }
)
_LOAD = st.floats(0, 1, width=16)


def _vm(hosts: int) -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {
            "host": st.integers(0, hosts - 1),
            "memory": st.sampled_from([1, 2, 3, 5, 8]).map(lambda gib: gib * GIB),
            "disk": st.sampled_from([0.0, 0.0, 20 * GIB]),
            "cpus": st.sampled_from([1, 2, 4]),
            "load": st.tuples(_LOAD, _LOAD, _LOAD, _LOAD),
            "runs": st.sampled_from([True, True, False]),
            "pinned": st.sampled_from([False, False, False, True]),
            "farm": st.sampled_from([NO_FARM, NO_FARM, 0, 1]),
            "needs": st.sampled_from([0, 0, 1, 2]),
        }
    )


@st.composite
def fleets(draw: st.DrawFn, most_hosts: int = 5, most_vms: int = 14) -> Fleet:
    """Small clusters of all kinds, also such as break the rules already."""
    hosts = draw(st.lists(_HOST, min_size=2, max_size=most_hosts))
    vms = draw(st.lists(_vm(len(hosts)), min_size=1, max_size=most_vms))
    ratio = draw(st.sampled_from([1.0, 1.5]))
    return fleet(hosts, vms, Limits(memory_ratio=ratio, cpu_ratio=draw(st.sampled_from([2.0, 8.0]))))
