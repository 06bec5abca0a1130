"""Moves that make a cluster more even: chosen by boxes, made by one button."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.show import machines
from vrabec.lib.errors import Invalid
from vrabec.models.clusters import Cluster
from vrabec.services.balance import MOST_MOVES, Queued, Wanted, move_wanted, propose
from vrabec.services.clusters import get_cluster
from vrabec.services.permissions import require

FEW, MORE = 20, 100
_MAX_TYPED = 300


@dataclass(frozen=True)
class Stay:
    """Why machines stay where they are."""

    machines: str
    why: str


@page("cluster.balance", methods=("GET", "POST"))
def show(request: PageRequest, cluster_id: int) -> HttpResponse:
    """What would move; posted: make the chosen moves."""
    cluster = get_cluster(request.actor, cluster_id=cluster_id)
    require(request.actor, "cluster.balance", cluster)
    if request.method == "GET":
        return _shown(request, cluster)
    chosen = tuple(_wanted(request.POST.getlist("move")[: MOST_MOVES + 1]))
    try:
        _say(request, move_wanted(request.actor, cluster=cluster, wanted=chosen))
    except Invalid as error:
        messages.error(request, gettext("Choose at least one move.") if not chosen else say(error))
    return see_other(request, reverse("cluster-balance", args=[cluster.pk]))


def _shown(request: PageRequest, cluster: Cluster) -> HttpResponse:
    most = MORE if request.GET.get("most") == str(MORE) else FEW
    found = propose(request.actor, cluster=cluster, most=most)
    context = {
        "cluster": cluster,
        "found": found,
        "most": most,
        "choices": ((FEW, gettext("Fewest moves")), (MORE, gettext("Best balance"))),
        "copied_mib": sum(move.copied_mib for move in found.moves),
        "minutes": round(sum(move.seconds for move in found.moves) / 60),
        "stays": [Stay(machines(count), gettext(words) % params) for (words, params), count in found.stays],
    }
    return render(request, "clusters/balance.html", context)


def _wanted(chosen: Iterable[str]) -> Iterable[Wanted]:
    """Boxes as they were sent: "17 kvm2"."""
    for words in chosen:
        vm_id, _, to = words[:_MAX_TYPED].partition(" ")
        if vm_id.isascii() and vm_id.isdigit() and len(vm_id) < 18:
            yield Wanted(int(vm_id), to)


def _say(request: PageRequest, done: tuple[Queued, ...]) -> None:
    queued = sum(one.job is not None for one in done)
    if queued:
        words = ngettext("%(n)s machine moves.", "%(n)s machines move.", queued) % {"n": queued}
        messages.success(request, words)
    for one in done:
        if one.error:
            messages.warning(request, f"{one.name or one.vm_id}: {say(one.error)}")
