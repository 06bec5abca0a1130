"""A machine's console: its screen and its serial line. The tickets come from REST, the bytes from live."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.vms import about
from vrabec.services.consoles import may_watch


@page("vm.console")
def screen(request: PageRequest, vm_id: int) -> HttpResponse:
    """What the machine's graphics card shows."""
    return _console(request, vm_id, "vnc")


@page("vm.console")
def serial(request: PageRequest, vm_id: int) -> HttpResponse:
    """The machine's first serial line, in a terminal."""
    response = _console(request, vm_id, "serial")
    response.styles_inline = True  # type: ignore[attr-defined]  # config/middleware.py reads it
    return response


def _console(request: PageRequest, vm_id: int, kind: str) -> HttpResponse:
    vm = may_watch(request.actor, vm_id=vm_id)
    context = about(request.actor, vm) | {"kind": kind, "ticket": reverse("rest:console", args=[vm.pk])}
    return render(request, "vms/console.html", context)
