"""Hosts: what there is and how full it is, and adding one: where it is, a look at it, its key confirmed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.drawer import job_error
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import fragment, render
from vrabec.lib.errors import Conflict, Invalid, NotFound, VrabecError
from vrabec.lib.names import check_label
from vrabec.services.host_looks import Look, get_look, look_at_host, public_key
from vrabec.services.hosts import add_host, list_hosts
from vrabec.services.permissions import require

MAX_TYPED = 1000


@page("host.list")
def index(request: PageRequest) -> HttpResponse:
    """All hosts."""
    return render(request, "hosts/list.html", {"rows": list(list_hosts(request.actor))})


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
    return _go_on(request, get_look(request.actor, look_id=job.pk), typed["name"])


@page("host.add", methods=("GET", "POST"))
def look(request: PageRequest, look_id: int) -> HttpResponse:
    """What a look has seen; posted: that is the host, add it."""
    seen = get_look(request.actor, look_id=look_id)
    name = request.GET.get("name", "")[:MAX_TYPED]
    if request.method == "GET":
        return _seen(request, seen, name)
    if "again" in request.POST:
        job = look_at_host(request.actor, uri=seen.uri)
        return _go_on(request, get_look(request.actor, look_id=job.pk), name)
    try:
        add_host(request.actor, name=name, uri=seen.uri, fingerprint=request.POST.get("fingerprint", ""))
    except (Invalid, Conflict) as error:
        return _seen(request, seen, name, error)
    return see_other(request, reverse("hosts"))


def _go_on(request: PageRequest, seen: Look, name: str) -> HttpResponse:
    """To the look: in the dialog at once, elsewhere by its own address."""
    if is_fragment(request):
        return _seen(request, seen, name)
    return see_other(request, reverse("host-look", args=[seen.job.pk]) + "?" + urlencode({"name": name}))


def _where(request: PageRequest, typed: dict[str, str], error: VrabecError | None = None) -> HttpResponse:
    try:
        key = public_key(request.actor)
    except NotFound:  # before `vrabecd migrate` of this version: hosts without ssh can be added all the same
        key = ""
    return _form(request, "add", {"typed": typed, "public_key": key}, error)


def _seen(request: PageRequest, seen: Look, name: str, error: VrabecError | None = None) -> HttpResponse:
    return _form(request, "look", {"seen": seen, "typed": {"name": name}, "why": job_error(seen.job)}, error)


def _form(
    request: PageRequest, name: str, context: dict[str, Any], error: VrabecError | None
) -> HttpResponse:
    """The form `hosts/{name}.html`, in the dialog or as a page; after a refusal with what is wrong."""
    form, status = f"hosts/{name}.html", error.status if error else 200
    context |= {
        "form": form,
        "problems": problems_of(error) if error else {},
        "is_dialog": is_fragment(request),
    }
    if is_fragment(request):
        return fragment(request, form, context, status=status)
    return render(request, "hosts/ask.html", context, status=status)
