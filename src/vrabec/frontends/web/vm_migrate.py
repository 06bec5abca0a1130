"""The form that moves a running machine: every host, and what is in the way of each."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, VrabecError
from vrabec.lib.too_fast import TooFast
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.targets import targets_of
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vms import get_vm

MAX_TYPED = 300
FORM = "vms/migrate.html"


@page("vm.migrate", methods=("GET", "POST"))
def migrate(request: PageRequest, vm_id: int) -> HttpResponse:
    """Where to."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.migrate", vm)
    if request.method == "GET":
        return _form(request, vm, "", TooFast.SLOW)
    to = request.POST.get("to", "")[:MAX_TYPED]
    wish = request.POST.get("if_too_fast", TooFast.SLOW)[:MAX_TYPED]
    try:
        migrate_vm(request.actor, vm=vm, to=to, if_too_fast=wish)
    except (Invalid, Conflict, NoCapacity) as error:
        return _form(request, vm, to, wish, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


def _form(request: PageRequest, vm: Vm, to: str, wish: str, error: VrabecError | None = None) -> HttpResponse:
    targets = targets_of(request.actor, vm=vm)
    can = any(target.fits for target in targets)
    context = {"vm": vm, "title": vm.name, "targets": targets, "to": to, "can": can, "wish": wish}
    return ask(request, FORM, context, error)
