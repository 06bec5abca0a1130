"""Where a machine can move, and why not elsewhere: from stored facts alone, in words.

What only the hosts know is asked by the job, before it begins (workflows/vm_migrate.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.lib.fit import Needs, Offers, Why, missing
from vrabec.models.hosts import Host
from vrabec.models.vms import Vm
from vrabec.models.xml import VmXml
from vrabec.services.permissions import require
from vrabec.services.placement import Ask, Verdict, explained


@dataclass(frozen=True)
class Target:
    """One host: `whys` is all that is in the way, nothing where the machine can move there."""

    host: Host
    free_mib: int
    whys: tuple[Why, ...]

    @property
    def fits(self) -> bool:
        """Whether the machine can move there, as far as is known."""
        return not self.whys

    @property
    def reasons(self) -> list[str]:
        """In English."""
        return [words % params for words, params in self.whys]


def targets_of(actor: Actor, *, vm: Vm, cover_yields: bool = False) -> tuple[Target, ...]:
    """Every host, the best first, with what is in the way: a fixed number of queries. Raises Forbidden.

    `cover_yields`: also where N+1 is kept, a host that takes its room would do.
    """
    require(actor, "vm.migrate", vm)
    hosts = {host.pk: host for host in Host.objects.present()}
    barring = _barring(vm, hosts.values())
    ask = _ask(vm, {host_id: whys[0] for host_id, whys in barring.items() if whys})
    found = explained(replace(ask, cover_yields=cover_yields))
    targets = [_target(hosts[one.host.id], one, barring[one.host.id]) for one in found.verdicts]
    return tuple(sorted(targets, key=lambda target: not target.fits))


def _ask(vm: Vm, barred: dict[int, Why]) -> Ask:
    return Ask(
        cpus=vm.cpus,
        memory_mib=max(vm.memory_mib, vm.next_memory_mib or 0),
        farm=vm.farm,
        project_id=vm.project_id,
        hosts=tuple(vm.pinned_to.order_by("name").values_list("name", flat=True)),
        vm_id=vm.pk,
        barred=barred,
    )


def _target(host: Host, verdict: Verdict, whys: list[Why]) -> Target:
    """All that is in the way, what placement says first: of what bars a host it knows the first alone."""
    if not verdict.fits and verdict.words not in whys:
        whys = [verdict.words, *whys]
    return Target(host, verdict.free_mib, tuple(whys))


def _barring(vm: Vm, hosts: Iterable[Host]) -> dict[int, list[Why]]:
    """By each host's id what the machine and the host have against each other."""
    needs, clashes = _needs(vm), _clashes(vm)
    return {host.pk: list(_whys(vm, needs, host, has_clash=host.pk in clashes)) for host in hosts}


def _whys(vm: Vm, needs: Needs, host: Host, *, has_clash: bool) -> Iterator[Why]:
    if host.pk == vm.host_id:
        yield "It runs there already.", {}
        return
    if has_clash:
        yield "It has a machine with this name or UUID already.", {}
    yield from missing(needs, replace(Offers.of(host.offers), networks=tuple(host.networks)))


def address_of(host: Host) -> str:
    """Where other hosts reach it: as we do, unless only we can; "" is the name that it gives itself."""
    name = urlsplit(host.uri).hostname or ""
    try:
        address = ip_address(name)
    except ValueError:
        return "" if name == "localhost" else name
    if address.is_loopback:
        return ""
    return f"[{name}]" if address.version == 6 else name


def _needs(vm: Vm) -> Needs:
    stored = VmXml.objects.filter(vm=vm).values_list("needs", flat=True).first()
    return Needs.of(stored or {})


def _clashes(vm: Vm) -> set[int]:
    """Hosts that have another machine of this name or UUID."""
    others = Vm.objects.present().exclude(pk=vm.pk).exclude(host=None)
    same = others.filter(Q(uuid=vm.uuid) | Q(domain_name=vm.domain_name))
    return {host_id for host_id in same.values_list("host_id", flat=True) if host_id}
