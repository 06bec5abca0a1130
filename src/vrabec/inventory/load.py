"""Turns counters into load: what a machine used since the last sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from vrabec.hypervisor.spec import Sample
from vrabec.inventory.writer import Writer
from vrabec.lib.clock import now
from vrabec.services.facts import Load, write_loads
from vrabec.services.history import Watched, write_history


class Loads:
    """Remembers the last sample of each running machine of one host."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._last: dict[str, Sample] = {}

    def write(self, samples: Iterable[Sample], ids: Mapping[str, int]) -> None:
        """Write the load of every machine sampled twice; the first sample only begins the count."""
        last, self._last = self._last, {}
        watched, seen_at = [], now()
        for sample in samples:
            self._last[sample.uuid] = sample
            before = last.get(sample.uuid)
            if before and sample.uuid in ids:
                load = load_between(before, sample, ids[sample.uuid], seen_at)
                watched.append(Watched(load, UUID(sample.uuid), sample.at_s - before.at_s))
        if watched:
            self._writer.do_together(_write, [one.load for one in watched], rows=len(watched))
            write_history(watched)


def _write(hosts: list[list[Load]]) -> list[None]:
    write_loads([load for loads in hosts for load in loads])
    return [None] * len(hosts)


def load_between(before: Sample, after: Sample, vm_id: int, seen_at: datetime) -> Load:
    """The load between two samples; CPU in percent of all the machine's CPUs."""
    seconds = max(after.at_s - before.at_s, 0.001)

    def rate(counter: str) -> float:
        # A restarted machine counts from 0 again, and a disk taken out takes its count with it.
        grown: int = getattr(after, counter) - getattr(before, counter)
        return max(0, grown) / seconds

    return Load(
        vm_id=vm_id,
        cpu_percent=min(100.0, rate("cpu_time_ns") / 1e7 / max(after.cpus, 1)),
        memory_used_mib=after.memory_used_mib,
        disk_size_mib=after.disk_size_mib,
        disk_used_mib=after.disk_used_mib,
        disk_read_bytes_s=rate("disk_read_bytes"),
        disk_written_bytes_s=rate("disk_written_bytes"),
        net_received_bytes_s=rate("net_received_bytes"),
        net_sent_bytes_s=rate("net_sent_bytes"),
        seen_at=seen_at,
    )
