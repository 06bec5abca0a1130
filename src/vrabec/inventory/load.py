"""Turns counters into load: what a machine used since the last sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vrabec.hypervisor.spec import Sample
from vrabec.lib.clock import now
from vrabec.models.vms import VmLoad
from vrabec.services.facts import write_loads


class Loads:
    """Remembers the last sample of each running machine of one host."""

    def __init__(self) -> None:
        self._last: dict[str, Sample] = {}

    def write(self, samples: Iterable[Sample], ids: Mapping[str, int]) -> None:
        """Write the load of every machine sampled twice; the first sample only begins the count."""
        last, self._last = self._last, {}
        loads = []
        for sample in samples:
            self._last[sample.uuid] = sample
            before = last.get(sample.uuid)
            if before and sample.uuid in ids:
                loads.append(load_between(before, sample, ids[sample.uuid]))
        if loads:
            write_loads(loads)


def load_between(before: Sample, after: Sample, vm_id: int) -> VmLoad:
    """The load between two samples; CPU in percent of all the machine's CPUs."""
    seconds = max(after.at_s - before.at_s, 0.001)
    used_ns = max(0, after.cpu_time_ns - before.cpu_time_ns)  # a restarted machine counts from 0 again
    return VmLoad(
        vm_id=vm_id,
        cpu_percent=min(100.0, used_ns / 1e7 / seconds / max(after.cpus, 1)),
        memory_used_mib=after.memory_used_mib,
        disk_used_mib=after.disk_used_mib,
        seen_at=now(),
    )
