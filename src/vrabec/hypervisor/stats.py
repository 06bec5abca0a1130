"""Counters of the running machines.

libvirt-python holds the GIL while it turns results into dicts: small chunks with pauses let others in.
libvirt asks one QEMU after another, and each takes its time while its guest has no CPU to itself: the slower
they are, the fewer are asked in one call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import libvirt

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import Sample

PAUSE_S = 0.004
CALL_S = 0.2
"""About as long may one call take: nobody else can ask the host meanwhile."""
FIRST_CHUNK = 10
_KINDS = (
    libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
# Without waiting: a machine that is busy with a job gives what is known without its monitor.
_FLAGS = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
MIB = 1024 * 1024


def samples(host: HostConnection, most: int = 50) -> Iterator[Sample]:
    """A sample of each running machine, at most `most` machines a call. Raises Unavailable."""
    with host.calling() as raw:
        domains = raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    size = min(FIRST_CHUNK, most)
    while domains:
        chunk, domains = domains[:size], domains[size:]
        began_s = time.monotonic()
        with host.calling() as raw:
            answers = raw.domainListGetStats(chunk, _KINDS, _FLAGS)
        at_s = time.monotonic()
        for domain, counters in answers:
            yield _sample(domain.UUIDString(), at_s, counters)
        size = min(most, next_size(len(chunk), at_s - began_s))
        if domains:
            time.sleep(PAUSE_S)


def next_size(size: int, took_s: float) -> int:
    """How many to ask in the next call, after `size` machines took this long; twice as many at most."""
    return max(1, min(2 * size, int(size * CALL_S / max(took_s, 1e-3))))


def _sample(uuid: str, at_s: float, counters: dict[str, Any]) -> Sample:
    return Sample(
        uuid=uuid,
        at_s=at_s,
        cpus=int(counters.get("vcpu.current", 1)),
        cpu_time_ns=int(counters.get("cpu.time", 0)),
        memory_mib=int(counters.get("balloon.current", 0)) // 1024,
        memory_used_mib=memory_used_kib(counters) // 1024,
        disk_size_mib=_sum(counters, "block", "capacity") // MIB,
        disk_used_mib=_sum(counters, "block", "allocation") // MIB,
        disk_read_bytes=_sum(counters, "block", "rd.bytes"),
        disk_written_bytes=_sum(counters, "block", "wr.bytes"),
        net_received_bytes=_sum(counters, "net", "rx.bytes"),
        net_sent_bytes=_sum(counters, "net", "tx.bytes"),
    )


def memory_used_kib(counters: dict[str, Any]) -> int:
    """What the guest cannot give away; the host's resident memory before the balloon has spoken."""
    available, usable = counters.get("balloon.available"), counters.get("balloon.usable")
    if available is not None and usable is not None:
        return max(int(available) - int(usable), 0)
    return min(int(counters.get("balloon.rss", 0)), int(counters.get("balloon.current", 0)))


def _sum(counters: dict[str, Any], group: str, name: str) -> int:
    """The sum over all disks or interfaces: libvirt numbers them "block.0.rd.bytes"."""
    total = 0
    for number in range(counters.get(f"{group}.count", 0)):
        total += counters.get(f"{group}.{number}.{name}", 0)
    return total
