"""Forms of clusters, in a dialog of the hosts' page: a new one, its settings, and which one a host is in."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.lib.errors import Conflict, Invalid, VrabecError
from vrabec.models.clusters import BALANCE_MOVES, CPU_RATIO, MEMORY_RATIO, Cluster, Cover, CpuChoice
from vrabec.services.clusters import (
    ClusterWish,
    change_cluster,
    create_cluster,
    get_cluster,
    list_clusters,
    remove_cluster,
)
from vrabec.services.hosts import change_host, get_host
from vrabec.services.permissions import require

MAX_TYPED = 1000
_NEW = {
    "name": "",
    "memory_ratio": f"{MEMORY_RATIO:g}",
    "cpu_ratio": f"{CPU_RATIO:g}",
    "cover": Cover.SAY.value,
    "cpu": CpuChoice.HOST.value,
    "balance_hours": "0",
    "balance_moves": str(BALANCE_MOVES),
}
_WHOLE = ("balance_hours", "balance_moves")


@page("cluster.create", methods=("GET", "POST"))
def new(request: PageRequest) -> HttpResponse:
    """A cluster that is to be."""
    require(request.actor, "cluster.create")
    if request.method == "GET":
        return _form(request, None, _NEW)
    typed = _typed(request)
    try:
        create_cluster(request.actor, wish=_wish(typed))
    except (Invalid, Conflict) as error:
        return _form(request, None, typed, error)
    return see_other(request, reverse("hosts"))


@page("cluster.change", methods=("GET", "POST"))
def change(request: PageRequest, cluster_id: int) -> HttpResponse:
    """The settings of one."""
    cluster = get_cluster(request.actor, cluster_id=cluster_id)
    require(request.actor, "cluster.change", cluster)
    if request.method == "GET":
        ratios = {name: f"{getattr(cluster, name):g}" for name in ("memory_ratio", "cpu_ratio")}
        whole = {name: str(getattr(cluster, name)) for name in _WHOLE}
        return _form(request, cluster, {name: getattr(cluster, name) for name in _NEW} | ratios | whole)
    typed = _typed(request)
    try:
        change_cluster(request.actor, cluster=cluster, wish=_wish(typed))
    except (Invalid, Conflict) as error:
        return _form(request, cluster, typed, error)
    return see_other(request, reverse("hosts"))


@page("cluster.remove", methods=("POST",))
def remove(request: PageRequest, cluster_id: int) -> HttpResponse:
    """Remove one that is empty."""
    cluster = get_cluster(request.actor, cluster_id=cluster_id)
    remove_cluster(request.actor, cluster=cluster)
    messages.success(request, gettext("The cluster %(name)s is gone.") % {"name": cluster.name})
    return see_other(request, reverse("hosts"))


@page("host.change", methods=("GET", "POST"))
def of_host(request: PageRequest, host_id: int) -> HttpResponse:
    """Which cluster a host is in."""
    host = get_host(request.actor, host_id=host_id)
    require(request.actor, "host.change", host)
    typed = request.POST.get("cluster", host.cluster.name if host.cluster else "")[:MAX_TYPED]
    error = None
    if request.method == "POST":
        try:
            change_host(request.actor, host=host, cluster=typed)
            return see_other(request, reverse("hosts"))
        except Invalid as refused:
            error = refused
    names = [(cluster.name, cluster.name) for cluster in list_clusters(request.actor)]
    return _show(request, "hosts/cluster_of.html", {"host": host, "clusters": names, "typed": typed}, error)


def _typed(request: PageRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in _NEW}


def _wish(typed: dict[str, str]) -> ClusterWish:
    """What was typed. Raises Invalid for what is no number."""
    ratios = {field: _number(typed[field], field) for field in ("memory_ratio", "cpu_ratio")}
    hours, moves = (_whole(typed[field], field) for field in _WHOLE)
    return ClusterWish(
        typed["name"],
        cover=typed["cover"],
        cpu=typed["cpu"] or None,
        balance_hours=hours,
        balance_moves=moves,
        **ratios,
    )


def _whole(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("Write a whole number, such as 5.", field=field)
    return int(text)


def _number(text: str, field: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise Invalid("Write a number, such as 1.5.", field=field) from error


def _form(
    request: PageRequest, cluster: Cluster | None, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    context = {"cluster": cluster, "typed": typed, "covers": Cover.choices, "cpus": CpuChoice.choices}
    return _show(request, "hosts/cluster.html", context, error)


def _show(
    request: PageRequest, form: str, context: dict[str, Any], error: VrabecError | None
) -> HttpResponse:
    return ask(request, form, context | {"title": gettext("Cluster")}, error)
