"""Forms that change a machine: what is said of it. Each is a page, or the content of the dialog."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import fragment, render
from vrabec.lib.errors import Invalid, VrabecError
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.vm_edit import MAX_DESCRIPTION, VmWords, describe_vm
from vrabec.services.vms import get_vm

MAX_TYPED = 20_000


@page("vm.describe", methods=("GET", "POST"))
def describe(request: PageRequest, vm_id: int) -> HttpResponse:
    """Description and tags."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.describe", vm.project_id)
    if request.method == "GET":
        typed = {"description": vm.description, "tags": " ".join(vm.tags)}
        return _form(request, vm, "describe", typed)
    typed = {name: request.POST.get(name, "")[:MAX_TYPED] for name in ("description", "tags")}
    words = VmWords(typed["description"], tuple(typed["tags"].replace(",", " ").split()))
    try:
        describe_vm(request.actor, vm=vm, words=words)
    except Invalid as error:
        return _form(request, vm, "describe", typed, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


def _form(
    request: PageRequest, vm: Vm, name: str, typed: dict[str, Any], error: VrabecError | None = None
) -> HttpResponse:
    """The form `vms/{name}.html` with what was typed and, after a refusal, what is wrong."""
    form, status = f"vms/{name}.html", error.status if error else 200
    context = {"vm": vm, "form": form, "typed": typed, "problems": problems_of(error) if error else {}}
    context |= {"is_dialog": is_fragment(request), "max_description": MAX_DESCRIPTION}
    if is_fragment(request):
        return fragment(request, form, context, status=status)
    return render(request, "vms/ask.html", context, status=status)
