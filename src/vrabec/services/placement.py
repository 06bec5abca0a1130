"""Where a machine goes, and why: rules that have a name here, the others and the choice in the scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
from django.db import connection

from vrabec.lib.actor import Actor
from vrabec.lib.errors import NoCapacity
from vrabec.models.clusters import Cover
from vrabec.models.hosts import Host
from vrabec.models.vms import Vm, Wished
from vrabec.scheduler.allocate import FITS, NOT_COVERED, Room, left_out, order, verdicts
from vrabec.scheduler.fleet import Limits, Want
from vrabec.scheduler.n_plus_1 import choose as choose_covered
from vrabec.scheduler.rules import Words, why_not
from vrabec.scheduler.use import Use
from vrabec.services.fleets import ON, WITHIN_REACH, HostRow, Stock, read_stocks
from vrabec.services.permissions import may

_PLACEMENT_LOCK = 0x7672_706C
"""PostgreSQL's advisory lock "vrpl": two placements must not see the same free memory."""
CHOSEN: Words = ("Chosen: with this machine the cluster is most even.", {})
NO_COVER: Words = ("Chosen; but if a host died, not every machine would find a place any more.", {})
COULD: Words = ("It could take the machine.", {})
UNCOVERED: Words = (
    "It could take the machine, but if a host died, not every machine would find a place any more.",
    {},
)
BETTER = "It could take the machine; on %(chosen)s the cluster is more even."
OTHER = "It could take the machine; cluster %(cluster)s is emptier."
_MOST_NAMED = 5


@dataclass(frozen=True)
class Ask:
    """What a machine needs. `network` may be "", of one that has none of libvirt's.

    `image_mib` is what its template takes on a host's disk at the most. `farm` counts in its project alone.
    `cluster` is a name, "" for any; `hosts` are the names of the only ones that it may be on, none for any.
    `vm_id` is a machine that is there already: what it takes now does not count. `barred` says of hosts, by
    their ids, what else is in the way. `cover_yields`: better without N+1 than where it is.
    """

    cpus: int
    memory_mib: int
    network: str = ""
    image_mib: int = 0
    farm: str = ""
    project_id: int | None = None
    cluster: str = ""
    hosts: tuple[str, ...] = ()
    vm_id: int = 0
    barred: Mapping[int, Words] = field(default_factory=dict)
    cover_yields: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is said of one host."""

    host: HostRow
    cluster: str
    fits: bool
    words: Words
    free_mib: int

    @property
    def message(self) -> str:
        """In English."""
        return self.words[0] % self.words[1]

    @property
    def nameless_words(self) -> Words:
        """What somebody is told who may not know hosts by name."""
        return COULD if self.words[0] in (BETTER, OTHER) else self.words


@dataclass(frozen=True)
class Loss:
    """If `host` died, these machines would find no place; "" is the one that is being placed."""

    host: str
    machines: tuple[str, ...]


@dataclass(frozen=True)
class Placement:
    """Where a machine goes: `host` is None when none can take it. The verdict on it comes first.

    `losses` say what N+1 lacks, with the machine where it goes, or would go but for N+1.
    """

    host: HostRow | None
    verdicts: tuple[Verdict, ...]
    losses: tuple[Loss, ...]


@dataclass(frozen=True)
class HostRoom:
    """A host's memory times its cluster's ratio, what machines are promised of it, and what is left.

    `why_not` is "" or says in a few words (a message id) why it takes no machine at all.
    """

    name: str
    why_not: str
    memory_mib: int
    promised_mib: int
    free_mib: int


def take_lock() -> None:
    """Serialize placements for this transaction. SQLite's immediate transactions are serial already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PLACEMENT_LOCK])


def rooms() -> tuple[HostRoom, ...]:
    """The memory of every host."""
    return tuple(_room(stock, row, place) for stock in read_stocks() for place, row in enumerate(stock.hosts))


def _room(stock: Stock, row: HostRow, place: int) -> HostRoom:
    most = round(row.memory_mib * stock.cluster.memory_ratio)
    promised = int(stock.use.memory_mib[place])
    why_not = "in maintenance" if row.maintenance_since else "" if row.is_online else "does not answer"
    return HostRoom(row.name, why_not, most, promised, _free_mib(stock.use, place))


def _free_mib(use: Use, place: int) -> int:
    free = use.memory_room_mib[place]
    return max(0, int(free)) if np.isfinite(free) else 0


def choose(actor: Actor, ask: Ask) -> HostRow:
    """The host that a new machine goes to. Raises NoCapacity saying why not, host by host."""
    tried = _tries(ask)
    best = _best(tried)
    if best and best.host:
        return best.host
    if not tried and ask.cluster:
        raise NoCapacity("The cluster %(name)s has no hosts yet.", name=ask.cluster)
    if not tried:
        raise NoCapacity("There is no host yet. Add one: vrabec host add NAME --uri URI.")
    why = _why(_explained(tried), names_hosts=may(actor, "host.view"))
    raise NoCapacity("No host can take this machine. %(why)s", why=why)


def explained(ask: Ask) -> Placement:
    """Where a machine would go now, with words for every host. Not for the hot path."""
    return _explained(_tries(ask))


def _tries(ask: Ask) -> list[_Try]:
    taken, stocks = _taken(ask), read_stocks(without_vm=ask.vm_id)
    return [_Try(stock, ask, taken) for stock in stocks if ask.cluster in ("", stock.cluster.name)]


def _taken(ask: Ask) -> dict[int, str]:
    """Which machine of the same farm is on which host, on or off."""
    if not ask.farm:
        return {}
    farm = Vm.objects.present().filter(farm=ask.farm, project=ask.project_id, host__isnull=False)
    rows = farm.exclude(pk=ask.vm_id).values_list("host_id", "name")
    return {host_id or 0: name for host_id, name in rows}


def _best(tried: list[_Try]) -> _Try | None:
    return max((one for one in tried if one.host), key=_share_left, default=None)


def _explained(tried: list[_Try]) -> Placement:
    best = _best(tried)
    rows = [verdict for one in tried for verdict in one.verdicts(best)]
    rows.sort(key=lambda v: (v.words not in (CHOSEN, NO_COVER), not v.fits, v.host.name))
    losses = best.losses() if best else next((lost for one in tried if (lost := one.losses())), ())
    return Placement(best.host if best else None, tuple(rows), losses)


class _Try:
    """One machine that is tried on one cluster."""

    def __init__(self, stock: Stock, ask: Ask, taken: dict[int, str]) -> None:
        self.stock = stock
        self._cover_yields = ask.cover_yields
        self._named = [next(_named_rules(ask, row, taken), None) for row in stock.hosts]
        self._want = Want(
            memory_mib=ask.memory_mib, cpus=ask.cpus, disk_mib=ask.image_mib, needs=WITHIN_REACH
        )
        self.room: Room = stock.prepared(words is None for words in self._named)
        self._order = order(self.room, self._want)
        self._chosen = self._choose()
        self.host = None if self._chosen is None else stock.hosts[self._chosen]

    @property
    def _cover(self) -> str:
        cover = self.stock.cover
        return Cover.SAY if self._cover_yields and cover == Cover.REFUSE else cover

    def _choose(self) -> int | None:
        first = self._order[0] if self._order else None
        if self._cover == Cover.OFF or first is None:
            return first
        covered = choose_covered(self.room.use, self._want.memory_mib, self._order, self.room.uncovered)
        return first if covered is None and self._cover == Cover.SAY else covered

    def verdicts(self, best: _Try | None) -> Iterator[Verdict]:
        """What is said of each host of the cluster; `best` has the chosen one."""
        found = verdicts(self.room, self._want)
        for place, row in enumerate(self.stock.hosts):
            words = self._named[place] or found[place]
            fits = words == FITS or (words == NOT_COVERED and self._cover != Cover.REFUSE)
            if fits and best:
                words = self._said(place, best, is_covered=words == FITS or self._cover == Cover.OFF)
            yield Verdict(row, self.stock.cluster.name, fits, words, _free_mib(self.room.use, place))

    def _said(self, place: int, best: _Try, *, is_covered: bool) -> Words:
        """What is said of a host that can take the machine."""
        if best is self and place == self._chosen:
            return CHOSEN if is_covered else NO_COVER
        if not is_covered:
            return UNCOVERED
        if best is not self:
            return OTHER, {"cluster": best.stock.cluster.name}
        return BETTER, {"chosen": best.host.name if best.host else ""}

    def losses(self) -> tuple[Loss, ...]:
        """What N+1 lacks with the machine on the chosen host, or on the best one where none is chosen."""
        if self._cover == Cover.OFF or not self._order:
            return ()
        place = self._order[0] if self._chosen is None else self._chosen
        lost = left_out(self.room, self._want, place)
        known = len(self.stock.vm_ids)
        ids = {int(self.stock.vm_ids[vm]) for vms in lost.values() for vm in vms if vm < known}
        names = dict(Vm.objects.filter(pk__in=ids).values_list("pk", "name"))
        hosts = self.stock.hosts
        return tuple(Loss(hosts[host].name, self._names(vms, names)) for host, vms in lost.items())

    def _names(self, vms: np.ndarray, names: dict[int, str]) -> tuple[str, ...]:
        ids = self.stock.vm_ids
        return tuple(names.get(int(ids[vm]), "") if vm < len(ids) else "" for vm in vms)


def _share_left(one: _Try) -> float:
    """How much of a cluster's memory may be promised still: of several clusters the emptiest is taken."""
    online = ~one.stock.fleet.hosts.offline
    room = np.maximum(one.room.use.memory_room_mib[online], 0).sum()
    most = one.stock.fleet.hosts.memory_mib[online].sum() * one.stock.cluster.memory_ratio
    return float(room / max(1.0, most))


def _named_rules(ask: Ask, host: HostRow, taken: dict[int, str]) -> Iterator[Words]:
    """What forbids a host, of the rules that need names to be said: the first is the one to say."""
    if host.maintenance_since:
        yield "It is in maintenance.", {}
    if not host.is_online:
        yield "It does not answer.", {}
    if ask.hosts and host.name not in ask.hosts:
        yield "The machine is bound to %(hosts)s.", {"hosts": ", ".join(ask.hosts)}
    if ask.cpus > host.cpus:
        yield "It has only %(cpus)s CPUs.", {"cpus": host.cpus}
    if ask.network and ask.network not in host.networks:
        yield "It has no network %(network)s.", {"network": ask.network}
    if host.id in taken:
        yield "%(name)s of the same farm is on it.", {"name": taken[host.id]}
    if host.id in ask.barred:
        yield ask.barred[host.id]


def _why(found: Placement, *, names_hosts: bool) -> str:
    """Why no host can take it: hosts of one reason together; named for who may know them."""
    said = sorted((verdict.message, verdict.host.name) for verdict in found.verdicts)
    reasons = [(why, [name for _, name in rows]) for why, rows in groupby(said, key=lambda row: row[0])]
    parts = [f"{_who(hosts, names_hosts)}: {why}" for why, hosts in reasons[:_MOST_NAMED]]
    return " ".join([*parts, *(_lost(loss) for loss in found.losses[:_MOST_NAMED] if names_hosts)])


def _who(hosts: list[str], names_hosts: bool) -> str:
    if not names_hosts:
        return f"{len(hosts)} hosts" if len(hosts) > 1 else "One host"
    more = f" and {len(hosts) - _MOST_NAMED} more" if len(hosts) > _MOST_NAMED else ""
    return ", ".join(hosts[:_MOST_NAMED]) + more


def _lost(loss: Loss) -> str:
    names = [name or "the new one" for name in loss.machines]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"If {loss.host} died, there would be no place for {', '.join(names[:_MOST_NAMED])}{more}."


def require_room(vm: Vm, *, cpus: int = 0, memory_mib: int = 0) -> None:
    """Raise NoCapacity when the machine's own host cannot take it, or so much of it, but for its disk."""
    ask = Ask(cpus or vm.cpus, memory_mib or vm.memory_mib, vm.network)
    own = Host.objects.present().filter(pk=vm.host_id or 0)
    for stock in read_stocks(own, without_vm=vm.pk):
        Starts(stock).require(ask, vm.host_id or 0)


class Starts:
    """Room for machines that start where they are: memory counts, the cluster's CPU ratio does not."""

    def __init__(self, *stocks: Stock) -> None:
        self._places: dict[int, tuple[Stock, int]] = {}
        for stock in stocks or read_stocks():
            fleet = replace(stock.fleet, limits=Limits(memory_ratio=stock.cluster.memory_ratio))
            freed = replace(stock, fleet=fleet)
            self._places |= {row.id: (freed, place) for place, row in enumerate(stock.hosts)}

    def require(self, ask: Ask, host_id: int) -> None:
        """Raise NoCapacity when a host cannot take a machine beside those that count."""
        stock, place = self._places[host_id]
        row, want = stock.hosts[place], Want(memory_mib=ask.memory_mib, cpus=ask.cpus)
        words = next(_named_rules(ask, row, {}), None) or why_not(stock.use, want, place)
        if words:
            raise NoCapacity("%(host)s cannot take it now. %(why)s", host=row.name, why=words[0] % words[1])

    def take(self, vm: Vm) -> None:
        """Promise one machine its memory. Raises NoCapacity when its host cannot take it any more."""
        if vm.host_id not in self._places:
            return
        stock, place = self._places[vm.host_id]
        most = max(vm.memory_mib, vm.next_memory_mib or 0)
        has = most if vm.wished == Wished.ON or vm.seen in ON else 0
        memory: Any = stock.use.memory_mib
        memory[place] -= has
        try:
            self.require(Ask(vm.cpus, vm.memory_mib, vm.network), vm.host_id)
            has = most
        finally:
            memory[place] += has
