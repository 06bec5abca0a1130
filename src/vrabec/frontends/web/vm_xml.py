"""A machine's page: its XML."""

from __future__ import annotations

from django.http import HttpResponse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.vms import about
from vrabec.lib.errors import NotFound
from vrabec.models.vms import Seen, Vm
from vrabec.models.xml import VmXml
from vrabec.services.vm_xml import get_xml
from vrabec.services.vms import get_vm

_LIVE = (Seen.RUNNING, Seen.PAUSED)


@page("vm.xml")
def show(request: PageRequest, vm_id: int) -> HttpResponse:
    """What libvirt says of it."""
    vm = get_vm(request.actor, vm_id=vm_id)
    context = about(request.actor, vm) | {"xml": _xml(request, vm), "is_live": vm.seen in _LIVE}
    return render(request, "vms/xml.html", context)


def _xml(request: PageRequest, vm: Vm) -> VmXml | None:
    try:
        return get_xml(request.actor, vm=vm)
    except NotFound:
        return None
