"""What the CPUs of a cluster's hosts have in common: a machine with such a CPU can move to each of them.

libvirt computes it, asked by inventory when a host's CPU, or which hosts there are, has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from vrabec.lib.fit import Baseline, Offers, Why
from vrabec.models.clusters import Cluster, CpuChoice
from vrabec.models.hosts import Host, HostState

_KVM = "kvm"
_MIXED = (
    "Its hosts have no CPU in common: they are of several architectures, or not all have KVM.",
    dict[str, str](),
)


@dataclass(frozen=True)
class Asked:
    """What libvirt is asked for a cluster, and what stands for it. Several kinds have nothing in common."""

    cluster_id: int
    of: str
    kinds: tuple[tuple[str, str], ...]
    cpus: tuple[str, ...]


@dataclass(frozen=True)
class Held:
    """A host that holds its cluster back: flags that another host has and it lacks."""

    host: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class Common:
    """A cluster's baseline; without a model nobody has computed it yet, or `why` says why there is none."""

    baseline: Baseline
    why: Why | None
    held: tuple[Held, ...]


def due(hosts: Iterable[Host]) -> Iterator[Host]:
    """Of each cluster whose baseline is that of other CPUs than its hosts have, who should compute it.

    Always the newest libvirt of them: while that one does not answer the baseline stays as it was. `hosts`
    are all, with their clusters.
    """
    for _, group in groupby(sorted(hosts, key=_cluster_id), key=_cluster_id):
        members = _members(group)
        if members and members[0].cluster and members[0].cluster.baseline.get("of") != _of(members):
            newest = max(members, key=_version)
            if newest.state == HostState.ONLINE:
                yield newest


def asked(host_id: int) -> Asked | None:
    """What the cluster of this host needs computed; None when it is up to date."""
    host = Host.objects.present().select_related("cluster").filter(pk=host_id).first()
    if host is None or host.cluster is None:
        return None
    members = _members(Host.objects.present().filter(cluster=host.cluster))
    of = _of(members)
    if not members or host.cluster.baseline.get("of") == of:
        return None
    offers = [Offers.of(member.offers) for member in members]
    kinds = {(one.arch, _KVM if _KVM in one.domain_types else "qemu") for one in offers}
    return Asked(host.cluster.pk, of, tuple(kinds), tuple(dict.fromkeys(one.cpu for one in offers)))


def keep(ask: Asked, found: Baseline | None, why: Why | None = None) -> None:
    """Write what came of it. None without a reason: they have nothing in common."""
    stored = found.stored() if found else {"why": list(why or _MIXED)}
    kind = ask.kinds[0][1] if len(ask.kinds) == 1 else ""
    Cluster.objects.filter(pk=ask.cluster_id).update(baseline={**stored, "of": ask.of, "kind": kind})


def common_of(clusters: Iterable[Cluster]) -> dict[int, Common]:
    """The baseline of each cluster by its id, and which hosts hold it back: one query."""
    found = list(clusters)
    hosts: dict[int, list[Host]] = {cluster.pk: [] for cluster in found}
    for host in Host.objects.present().filter(cluster__in=found).order_by("name"):
        hosts[host.cluster_id or 0].append(host)
    return {cluster.pk: _common(cluster, hosts[cluster.pk]) for cluster in found}


def _common(cluster: Cluster, hosts: list[Host]) -> Common:
    why = cluster.baseline.get("why")
    features = {host.name: set(Offers.of(host.offers).features) for host in _members(hosts)}
    some = set[str]().union(*features.values())
    held = (Held(name, tuple(sorted(some - has))) for name, has in features.items() if some - has)
    return Common(Baseline.of(cluster.baseline), (why[0], why[1]) if why else None, tuple(held))


def cpu_for(host: Host) -> str:
    """The CPU of a machine that is made on this host, in libvirt's XML; "" for what its host has itself."""
    cluster = host.cluster if host.domain_type == _KVM else None
    if cluster is None or cluster.cpu != CpuChoice.BASELINE or cluster.baseline.get("kind") != _KVM:
        return ""
    several = Host.objects.present().filter(cluster=cluster, domain_type=_KVM).count() > 1
    return Baseline.of(cluster.baseline).xml if several else ""


def _members(hosts: Iterable[Host]) -> list[Host]:
    """Those whose CPU is known."""
    return [host for host in hosts if host.offers.get("cpu")]


def _of(members: Iterable[Host]) -> str:
    """Stands for their CPUs; hosts that are alike change nothing."""
    texts = {f"{host.arch} {host.offers['domain_types']} {host.offers['cpu']}" for host in members}
    return hashlib.blake2b("\0".join(sorted(texts)).encode(), digest_size=16).hexdigest()


def _cluster_id(host: Host) -> int:
    return host.cluster_id or 0


def _version(host: Host) -> tuple[int, ...]:
    return tuple(int(part) for part in host.libvirt_version.split(".") if part.isdigit())
