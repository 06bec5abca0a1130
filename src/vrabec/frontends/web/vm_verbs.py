"""What can be done to a machine: every verb is a POST, and what is lost for ever is asked for by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.pages import fragment
from vrabec.lib.errors import Invalid
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services import vms
from vrabec.services.permissions import require
from vrabec.services.screens import ask_screen, get_screen


@page("vm.start", methods=("POST",))
def start(request: PageRequest, vm_id: int) -> HttpResponse:
    """Start it."""
    return _act(request, vm_id, vms.start_vm)


@page("vm.shutdown", methods=("GET", "POST"))
def shutdown(request: PageRequest, vm_id: int) -> HttpResponse:
    """Ask the guest to shut down. GET asks after how long its plug is to be pulled."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.shutdown", vm)
    if request.method == "GET":
        return _ask(request, "shutdown", vm, {"seconds": vms.SHUTDOWN_SECONDS})
    typed = request.POST.get("deadline_seconds", str(vms.SHUTDOWN_SECONDS)).strip()[:10]
    seconds = int(typed) if typed.isascii() and typed.isdigit() else 0  # which the service refuses
    then_power_off = "then_power_off" in request.POST
    try:
        vms.shutdown_vm(request.actor, vm=vm, deadline_seconds=seconds, then_power_off=then_power_off)
    except Invalid as wrong:
        return _ask(request, "shutdown", vm, {"seconds": typed}, wrong)
    return _went(request, vm)


@page("vm.power_off", methods=("GET", "POST"))
def power_off(request: PageRequest, vm_id: int) -> HttpResponse:
    """Pull the plug. GET says what a hibernated machine loses."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.power_off", vm)
    if request.method == "GET":
        return _ask(request, "power_off", vm, {})
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


@page("vm.send_keys", methods=("POST",))
def send_keys(request: PageRequest, vm_id: int) -> HttpResponse:
    """Press Ctrl-Alt-Del."""
    return _act(request, vm_id, vms.send_keys_vm)


@page("vm.screen", methods=("GET", "POST"))
def screen(request: PageRequest, vm_id: int) -> HttpResponse:
    """The last picture of its screen; POST wants a new one."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    if request.method == "GET":
        return HttpResponse(get_screen(request.actor, vm=vm), content_type="image/png")
    ask_screen(request.actor, vm=vm)
    return _went(request, vm)


@page("vm.hibernate", methods=("POST",))
def hibernate(request: PageRequest, vm_id: int) -> HttpResponse:
    """Save its memory and switch it off."""
    return _act(request, vm_id, vms.hibernate_vm)


@page("vm.resume", methods=("POST",))
def resume(request: PageRequest, vm_id: int) -> HttpResponse:
    """Let it go on."""
    return _act(request, vm_id, vms.resume_vm)


@page("vm.delete", methods=("GET", "POST"))
def delete(request: PageRequest, vm_id: int) -> HttpResponse:
    """Say what is lost and ask for the name; then queue it."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.delete", vm)
    typed = request.POST.get("name", "")
    about = {"typed": typed, "load": getattr(vm, "load", None)}
    if request.method == "GET":
        return _ask(request, "delete", vm, about)
    if typed.strip() != vm.name:
        wrong = Invalid("This is not the name of the machine: %(name)s.", field="name", name=vm.name)
        return _ask(request, "delete", vm, about, wrong)
    vms.delete_vm(request.actor, vm=vm)
    messages.success(request, gettext("%(name)s is being deleted.") % {"name": vm.name})
    return see_other(request, reverse("vms"))


def _act(request: PageRequest, vm_id: int, service: Callable[..., Job]) -> HttpResponse:
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    service(request.actor, vm=vm)
    return _went(request, vm)


def _went(request: PageRequest, vm: Vm) -> HttpResponse:
    if is_fragment(request):
        # The state says "Starting" and the drawer has the job; a message would say it a third time. Nothing
        # also closes the dialog that asked.
        return fragment(request, "parts/flash.html", {"flashes": []})
    return see_other(request, reverse("vm", args=[vm.pk]))


def _ask(
    request: PageRequest, question: str, vm: Vm, typed: dict[str, Any], wrong: Invalid | None = None
) -> HttpResponse:
    """A question before a verb, or again with what was `wrong`: in the dialog, or as a page of its own."""
    context = typed | {
        "vm": vm,
        "title": vm.name,
        "wrong": wrong,
        "is_hibernated": vm.seen == Seen.HIBERNATED,
    }
    return ask(request, f"vms/{question}_form.html", context, wrong)
