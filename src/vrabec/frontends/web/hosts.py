"""Hosts: what there is and how full it is."""

from __future__ import annotations

from django.http import HttpResponse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.services.hosts import list_hosts


@page("host.list")
def index(request: PageRequest) -> HttpResponse:
    """All hosts."""
    return render(request, "hosts/list.html", {"rows": list(list_hosts(request.actor))})
