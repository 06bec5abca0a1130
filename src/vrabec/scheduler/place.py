"""Choose a host for one machine: hard rules first, then the most memory left; why is said for every host."""

from __future__ import annotations

from dataclasses import dataclass

HOST_RESERVE_MIB = 512
"""Memory kept for the host itself."""


@dataclass(frozen=True)
class HostRoom:
    """What a host offers. `promised_mib` is the memory of the machines that run there or should."""

    id: int
    name: str
    is_online: bool
    cpus: int
    memory_mib: int
    promised_mib: int
    networks: tuple[str, ...]
    pool_free_mib: int

    @property
    def free_mib(self) -> int:
        """Memory nobody was promised."""
        return max(0, self.memory_mib - HOST_RESERVE_MIB - self.promised_mib)


@dataclass(frozen=True)
class Ask:
    """What a machine needs. `network` may be "", of one that has none of libvirt's.

    `image_mib` is what its template takes on a host's disk at the most.
    """

    cpus: int
    memory_mib: int
    network: str
    image_mib: int = 0


@dataclass(frozen=True)
class Verdict:
    """One host's answer: `reason` is a message id with `params`, for people."""

    host: HostRoom
    fits: bool
    reason: str
    params: dict[str, object]


def judge(ask: Ask, host: HostRoom) -> Verdict:
    """Whether `host` can take the machine, and the first reason why not."""
    for fails, reason, params in _rules(ask, host):
        if fails:
            return Verdict(host, False, reason, params)
    return Verdict(host, True, "Fits.", {})


def place(ask: Ask, hosts: tuple[HostRoom, ...]) -> tuple[Verdict, ...]:
    """Every host's verdict, the best first: those that fit, by memory left, then name."""
    verdicts = (judge(ask, host) for host in hosts)
    return tuple(sorted(verdicts, key=lambda v: (not v.fits, -v.host.free_mib, v.host.name)))


def _rules(ask: Ask, host: HostRoom) -> tuple[tuple[bool, str, dict[str, object]], ...]:
    return (
        (not host.is_online, "It does not answer.", {}),
        (ask.cpus > host.cpus, "It has only %(cpus)s CPUs.", {"cpus": host.cpus}),
        (
            ask.network != "" and ask.network not in host.networks,
            "It has no network %(network)s.",
            {"network": ask.network},
        ),
        (
            ask.memory_mib > host.free_mib,
            "It has %(free)s MiB of memory left.",
            {"free": host.free_mib},
        ),
        (
            ask.image_mib > host.pool_free_mib,
            "It has %(free)s MiB of disk left.",
            {"free": host.pool_free_mib},
        ),
    )
