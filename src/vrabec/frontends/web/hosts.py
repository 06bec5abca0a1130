"""Hosts: what there is and how full it is; adding one: where it is, a look at it, its key confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.drawer import job_error
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.pages import render
from vrabec.lib.errors import Conflict, Invalid, NotFound, VrabecError
from vrabec.lib.names import check_label
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.services.clusters import list_clusters
from vrabec.services.host_looks import Look, get_look, look_at_host, public_key
from vrabec.services.hosts import add_host, confirm_host, get_host, list_hosts
from vrabec.services.permissions import require
from vrabec.services.states import shown_host

MAX_TYPED = 1000


@dataclass(frozen=True)
class Group:
    """A cluster with its hosts; `summary` are its settings in words."""

    id: int
    name: str
    summary: str
    hosts: list[Host]


_SHOWN = (
    ("", gettext_noop("All")),
    ("online", gettext_noop("Online")),
    ("unreachable", gettext_noop("Unreachable")),
    ("maintenance", gettext_noop("Maintenance")),
)


@page("host.list")
def index(request: PageRequest) -> HttpResponse:
    """All hosts, or those in one state."""
    state = request.GET.get("state", "")
    state = state if state in dict(_SHOWN) else ""
    rows = list(list_hosts(request.actor, state=state))
    groups = [_group(cluster, rows) for cluster in list_clusters(request.actor)]
    context = {"rows": rows, "clusters": groups, "state": state, "shown_host": _shown}
    return render(request, "hosts/list.html", context | {"states": _SHOWN if rows or state else ()})


def _shown(host: Host) -> tuple[str, str]:
    return shown_host(host.state, in_maintenance=host.maintenance_since is not None)


def _group(cluster: Cluster, rows: list[Host]) -> Group:
    words = gettext("memory × %(memory)s, CPUs × %(cpus)s, N+1: %(cover)s") % {
        "memory": f"{cluster.memory_ratio:g}",
        "cpus": f"{cluster.cpu_ratio:g}",
        "cover": gettext(cluster.get_cover_display()).lower(),
    }
    if cluster.balance_hours:
        words += gettext(", balanced every %(n)s h") % {"n": cluster.balance_hours}
    return Group(cluster.pk, cluster.name, words, [row for row in rows if row.cluster_id == cluster.pk])


@page("host.look", methods=("GET", "POST"))
def add(request: PageRequest) -> HttpResponse:
    """Which host to look at, and the key that it needs."""
    require(request.actor, "host.look")
    typed = {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in ("name", "uri")}
    if request.method == "GET":
        return _where(request, typed)
    try:
        check_label(typed["name"])
        job = look_at_host(request.actor, uri=typed["uri"])
    except Invalid as error:
        return _where(request, typed, error)
    return _go_on(request, job.pk, {"name": typed["name"]})


@page("host.confirm", methods=("POST",))
def confirm(request: PageRequest, host_id: int) -> HttpResponse:
    """Look at a host again whose SSH key is another now: the look asks whether to trust it."""
    host = get_host(request.actor, host_id=host_id)
    require(request.actor, "host.confirm", host)
    job = look_at_host(request.actor, uri=host.uri)
    return _go_on(request, job.pk, {"name": host.name, "host": host.name})


@page("host.add", methods=("GET", "POST"))
def look(request: PageRequest, look_id: int) -> HttpResponse:
    """What a look has seen; posted: that is the host, add it or trust its new key."""
    seen = get_look(request.actor, look_id=look_id)
    about = {"name": ""} | {k: request.GET[k][:MAX_TYPED] for k in ("name", "host") if k in request.GET}
    if request.method == "GET":
        return _seen(request, seen, about)
    if "again" in request.POST:
        return _go_on(request, look_at_host(request.actor, uri=seen.uri).pk, about)
    try:
        _take(request, seen, about)
    except (Invalid, Conflict) as error:
        return _seen(request, seen, about, error)
    return see_other(request, reverse("hosts"))


def _take(request: PageRequest, seen: Look, about: dict[str, str]) -> None:
    shown = request.POST.get("fingerprint", "")
    if "host" in about:
        found = list_hosts(request.actor).filter(name=about["host"]).first()
        if found is None:
            raise NotFound("There is no host with this name.")
        confirm_host(request.actor, host=found, fingerprint=shown)
    else:
        add_host(request.actor, name=about["name"], uri=seen.uri, fingerprint=shown)


def _go_on(request: PageRequest, look_id: int, about: dict[str, str]) -> HttpResponse:
    """To the look: in the dialog at once, elsewhere by its own address."""
    if is_fragment(request):
        return _seen(request, get_look(request.actor, look_id=look_id), about)
    return see_other(request, _address(look_id, about))


def _address(look_id: int, about: dict[str, str]) -> str:
    return f"{reverse('host-look', args=[look_id])}?{urlencode(about)}"


def _where(request: PageRequest, typed: dict[str, str], error: VrabecError | None = None) -> HttpResponse:
    try:
        key = public_key(request.actor)
    except NotFound:  # before `vrabecd migrate` of this version: hosts without ssh can be added all the same
        key = ""
    return _form(request, "add", {"typed": typed, "public_key": key}, error)


def _seen(
    request: PageRequest, seen: Look, about: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    known = {"is_known": "host" in about, "here": _address(seen.job.pk, about)}
    return _form(request, "look", {"seen": seen, "typed": about, "why": job_error(seen.job)} | known, error)


def _form(
    request: PageRequest, name: str, context: dict[str, Any], error: VrabecError | None
) -> HttpResponse:
    return ask(request, f"hosts/{name}.html", context | {"title": gettext("Add a host")}, error)
