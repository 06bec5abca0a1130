"""How full a cluster and its hosts are, what fits still, and whom a host would take along that dies."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.show import machines, mib, number
from vrabec.models.clusters import Cover
from vrabec.services.baselines import common_of
from vrabec.services.capacity import Amounts, ClusterCapacity, HostCapacity, read_capacity

FULL = 90


@dataclass(frozen=True)
class Bar:
    """Parts of a host's memory in percent, one after the other; what is left is free."""

    used: float
    promised: float
    kept: float
    is_full: bool

    @property
    def at_kept(self) -> float:
        """Where the part begins that is kept for a host's death."""
        return self.used + self.promised


@dataclass(frozen=True)
class Row:
    """A host as it is shown; `dies` says what its death would do, `is_bad` that machines would be lost."""

    one: HostCapacity
    bar: Bar
    cpu_percent: float | None
    dies: str
    is_bad: bool


@page("cluster.capacity")
def show(request: PageRequest, cluster_id: int) -> HttpResponse:
    """One cluster."""
    [found] = read_capacity(request.actor, cluster_id=cluster_id)
    context = {
        "found": found,
        "total": found.amounts,
        "rows": [_row(found, one) for one in found.hosts],
        "cpu_percent": _percent(found.amounts.cpus_used, found.amounts.cpus),
        "memory_percent": _percent(found.amounts.memory_promised_mib, found.amounts.memory_most_mib),
        "answer": _answer(found),
        "is_kept": found.cluster.cover == Cover.REFUSE,
        "cpu": common_of([found.cluster])[found.cluster.pk],
    }
    return render(request, "clusters/capacity.html", context)


def _row(found: ClusterCapacity, one: HostCapacity) -> Row:
    is_bad = one.host.is_online and one.lost > 0
    cpu_percent = _percent(one.amounts.cpus_used, one.amounts.cpus)
    return Row(one, _bar(one.amounts), cpu_percent, _dies(found, one), is_bad)


def _bar(amounts: Amounts) -> Bar:
    most = max(amounts.memory_most_mib, amounts.memory_promised_mib, 1)
    used = min(amounts.memory_used_mib, amounts.memory_promised_mib)
    promised = amounts.memory_promised_mib
    return Bar(
        used=round(100 * used / most, 1),
        promised=round(100 * (promised - used) / most, 1),
        kept=round(100 * min(amounts.memory_kept_mib, most - promised) / most, 1),
        is_full=100 * promised >= FULL * most,
    )


def _percent(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def _dies(found: ClusterCapacity, one: HostCapacity) -> str:
    if not one.host.is_online:
        return gettext("Does not answer")
    if not found.looks_at_death or not one.amounts.vms:
        return ""
    if not one.lost:
        return ngettext("%(n)s fits elsewhere", "%(n)s fit elsewhere", one.amounts.vms) % {
            "n": number(one.amounts.vms)
        }
    return gettext("No place for %(machines)s") % {"machines": _named(one)}


def _named(one: HostCapacity) -> str:
    more = one.lost - len(one.lost_names)
    rest = gettext(" and %(n)s more") % {"n": number(more)} if more else ""
    return ", ".join(one.lost_names) + rest


def _answer(found: ClusterCapacity) -> tuple[str, str, str]:
    """Whether any one host may die: a kind of strip, the answer, and why."""
    if not found.looks_at_death:
        why = gettext("There is one host alone: nothing stands in for it.")
        if len(found.hosts) > 1:
            why = gettext("The settings of the cluster say so.")
        return "", gettext("N+1 is not looked at"), why
    if not found.is_covered:
        bad = [one for one in found.hosts if one.lost]
        why = gettext("If %(host)s died, there would be no place for %(machines)s.")
        words = why % {"host": bad[0].host.name, "machines": _named(bad[0])}
        return "strip-warn", gettext("Any one host may die: no"), words
    return "strip-ok", gettext("Any one host may die: yes"), _worst(found)


def _worst(found: ClusterCapacity) -> str:
    if found.worst is None:
        return gettext("No host has a machine that runs.")
    worst = found.worst
    words = gettext("The worst case is the death of %(host)s with %(machines)s: %(left)s would stay free.")
    return words % {"host": worst.host, "machines": machines(worst.vms), "left": mib(worst.left_mib)}
