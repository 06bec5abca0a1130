"""Forms of a host's maintenance, in a dialog of the hosts' page: what emptying it comes to, and its end."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.lib.errors import Conflict, Invalid, VrabecError, WrongState
from vrabec.models.hosts import Host
from vrabec.services.hosts import get_host
from vrabec.services.maintenance import LEAVE, maintain_host, plan_maintenance, resume_host, what_returns
from vrabec.services.permissions import require

MAX_TYPED = 300
MOST_SHOWN = 12


@page("host.maintain", methods=("GET", "POST"))
def maintain(request: PageRequest, host_id: int) -> HttpResponse:
    """What it comes to; posted: do it."""
    host = get_host(request.actor, host_id=host_id)
    require(request.actor, "host.maintain")
    if request.method == "GET":
        return _plan(request, host, LEAVE)
    rest = request.POST.get("rest", LEAVE)[:MAX_TYPED]
    try:
        maintain_host(request.actor, host=host, rest=rest)
    except (Invalid, Conflict) as error:
        return _plan(request, host, rest, error)
    return see_other(request, reverse("hosts"))


@page("host.resume", methods=("GET", "POST"))
def resume(request: PageRequest, host_id: int) -> HttpResponse:
    """What comes back; posted: end it."""
    host = get_host(request.actor, host_id=host_id)
    require(request.actor, "host.resume")
    if request.method == "GET":
        return _return(request, host)
    try:
        resume_host(request.actor, host=host, bring_back="bring_back" in request.POST)
    except (WrongState, Conflict) as error:
        return _return(request, host, error)
    return see_other(request, reverse("hosts"))


def _plan(request: PageRequest, host: Host, rest: str, error: VrabecError | None = None) -> HttpResponse:
    plan = plan_maintenance(request.actor, host=host)
    context = {"host": host, "plan": plan, "rest": rest, "most": MOST_SHOWN, "title": gettext("Maintenance")}
    return ask(request, "hosts/maintenance.html", context, error)


def _return(request: PageRequest, host: Host, error: VrabecError | None = None) -> HttpResponse:
    found = what_returns(request.actor, host=host)
    context = {"host": host, "found": found, "title": gettext("End of maintenance")}
    return ask(request, "hosts/resume.html", context, error)
