"""What can be done to a machine: every verb is a POST, and what is lost for ever is asked for by name."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.pages import fragment, render
from vrabec.lib.errors import Invalid
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.permissions import require


@page("vm.start", methods=("POST",))
def start(request: PageRequest, vm_id: int) -> HttpResponse:
    """Start it."""
    return _act(request, vm_id, vms.start_vm)


@page("vm.shutdown", methods=("POST",))
def shutdown(request: PageRequest, vm_id: int) -> HttpResponse:
    """Ask the guest to shut down."""
    return _act(request, vm_id, vms.shutdown_vm)


@page("vm.power_off", methods=("POST",))
def power_off(request: PageRequest, vm_id: int) -> HttpResponse:
    """Pull the plug."""
    return _act(request, vm_id, vms.power_off_vm)


@page("vm.reboot", methods=("POST",))
def reboot(request: PageRequest, vm_id: int) -> HttpResponse:
    """Ask the guest to restart."""
    return _act(request, vm_id, vms.reboot_vm)


@page("vm.reset", methods=("POST",))
def reset(request: PageRequest, vm_id: int) -> HttpResponse:
    """Restart it as by its reset button."""
    return _act(request, vm_id, vms.reset_vm)


@page("vm.pause", methods=("POST",))
def pause(request: PageRequest, vm_id: int) -> HttpResponse:
    """Stop its CPUs."""
    return _act(request, vm_id, vms.pause_vm)


@page("vm.resume", methods=("POST",))
def resume(request: PageRequest, vm_id: int) -> HttpResponse:
    """Let it go on."""
    return _act(request, vm_id, vms.resume_vm)


@page("vm.delete", methods=("GET", "POST"))
def delete(request: PageRequest, vm_id: int) -> HttpResponse:
    """Say what is lost and ask for the name; then queue it."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.delete", vm.project_id)
    if request.method == "GET":
        return _ask_name(request, vm)
    if request.POST.get("name", "").strip() != vm.name:
        wrong = Invalid("This is not the name of the machine: %(name)s.", field="name", name=vm.name)
        return _ask_name(request, vm, wrong)
    vms.delete_vm(request.actor, vm=vm)
    messages.success(request, gettext("%(name)s is being deleted.") % {"name": vm.name})
    return see_other(request, reverse("vms"))


def _act(request: PageRequest, vm_id: int, service: Callable[..., Job]) -> HttpResponse:
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    service(request.actor, vm=vm)
    if is_fragment(request):
        # The state says "Starting" and the drawer has the job; a message would say it a third time.
        return fragment(request, "parts/flash.html", {"flashes": []})
    return see_other(request, reverse("vm", args=[vm.pk]))


def _ask_name(request: PageRequest, vm: Vm, wrong: Invalid | None = None) -> HttpResponse:
    context = {"vm": vm, "typed": request.POST.get("name", ""), "wrong": wrong}
    status = 422 if wrong else 200
    context["load"] = getattr(vm, "load", None)
    if is_fragment(request):
        return fragment(request, "vms/delete_form.html", context | {"is_dialog": True}, status=status)
    return render(request, "vms/delete.html", context | {"is_dialog": False}, status=status)
