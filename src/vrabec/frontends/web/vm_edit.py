"""Forms that change a machine: what is said of it, its name, its size, a copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask, count_of, problems_of
from vrabec.frontends.web.leases import days_of, leases_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.quotas_after import After, Rows, after
from vrabec.frontends.web.vms import about
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, NotFound, VrabecError
from vrabec.lib.units import exact_mib, parse_mib
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.projects import list_projects, projects_for
from vrabec.services.quotas import Amounts, amounts_of, budgets, budgets_of_vm, runs_or_should
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import MAX_DESCRIPTION, VmWords, describe_vm, rename_vm, resize_vm
from vrabec.services.vm_pin import pin_vm
from vrabec.services.vms import get_vm
from vrabec.services.wishes import VmSizes

MAX_TYPED = 20_000
MAX_KEYS_TYPED = 200_000
_CLONE_FIELDS = ("name", "project", "ssh_keys", "lease")


@page("vm.describe", methods=("GET", "POST"))
def describe(request: PageRequest, vm_id: int) -> HttpResponse:
    """Description and tags."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.describe", vm)
    if request.method == "GET":
        typed = {"description": vm.description, "tags": " ".join(vm.tags), "farm": vm.farm}
        return _form(request, vm, "describe", typed)
    typed = {name: request.POST.get(name, "")[:MAX_TYPED] for name in ("description", "tags", "farm")}
    tags = tuple(typed["tags"].replace(",", " ").split())
    words = VmWords(typed["description"], tags, farm=typed["farm"].strip())
    try:
        describe_vm(request.actor, vm=vm, words=words)
    except Invalid as error:
        return _form(request, vm, "describe", typed, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


@page("vm.adopt", methods=("GET", "POST"))
def adopt(request: PageRequest, vm_id: int) -> HttpResponse:
    """The project of a machine that was found on its host."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.adopt")
    if request.method == "GET":
        return _adopt_form(request, vm, vm.project.name if vm.project else "")
    project = request.POST.get("project", "")[:MAX_TYPED]
    try:
        adopt_vm(request.actor, vm_id=vm.pk, project=project)
    except NotFound as error:
        return _adopt_form(request, vm, project, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


def _adopt_form(request: PageRequest, vm: Vm, project: str, error: VrabecError | None = None) -> HttpResponse:
    names = [(found.name, found.shown_name) for found in list_projects(request.actor)]
    choice = [("", gettext("None: for administrators alone")), *names]
    return _form(request, vm, "adopt", {"project": project, "projects": choice}, error)


@page("vm.pin", methods=("GET", "POST"))
def pin(request: PageRequest, vm_id: int) -> HttpResponse:
    """The hosts that it may be on."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.pin", vm)
    if request.method == "GET":
        return _form(
            request, vm, "pin", {"hosts": " ".join(sorted(host.name for host in vm.pinned_to.all()))}
        )
    typed = {"hosts": request.POST.get("hosts", "")[:MAX_TYPED]}
    try:
        pin_vm(request.actor, vm_id=vm.pk, hosts=typed["hosts"].replace(",", " ").split())
    except (Invalid, Conflict) as error:
        return _form(request, vm, "pin", typed, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


@page("vm.rename", methods=("GET", "POST"))
def rename(request: PageRequest, vm_id: int) -> HttpResponse:
    """Another name."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.rename", vm)
    if request.method == "GET":
        return _form(request, vm, "rename", {"name": vm.name})
    typed = {"name": request.POST.get("name", "")[:MAX_TYPED].strip()}
    try:
        rename_vm(request.actor, vm=vm, name=typed["name"])
    except (Invalid, Conflict) as error:
        return _form(request, vm, "rename", typed, error)
    return see_other(request, reverse("vm", args=[vm.pk]))


@page("vm.clone", methods=("GET", "POST"))
def clone(request: PageRequest, vm_id: int) -> HttpResponse:
    """A copy of it."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.clone", vm)
    if request.method == "GET":
        usual = vm.project.name if vm.project else ""
        project = request.GET.get("project", usual)[:MAX_TYPED]
        typed = dict.fromkeys(_CLONE_FIELDS, "") | {"name": f"{vm.name[:60]}-2", "project": project}
        return _clone_form(request, vm, typed)
    typed = {name: request.POST.get(name, "")[:MAX_KEYS_TYPED] for name in _CLONE_FIELDS}
    try:
        job = clone_vm(request.actor, vm=vm, wish=_clone_wish(typed, request.POST.get("password", "")))
    except (Invalid, Conflict, NoCapacity) as error:
        return _clone_form(request, vm, typed, error)
    return see_other(request, reverse("vm", args=[job.vm_id]))


def _clone_wish(typed: dict[str, str], password: str) -> CloneWish:
    """What was typed. Raises Invalid."""
    keys = tuple(line.strip() for line in typed["ssh_keys"].splitlines() if line.strip())
    days = days_of(typed["lease"], "lease_days")
    return CloneWish(typed["name"].strip(), typed["project"], keys, password, days)


def _clone_form(
    request: PageRequest, vm: Vm, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    projects = list(projects_for(request.actor, "vm.create"))
    payer = next((project for project in projects if project.name == typed["project"]), None)
    act = After(Amounts(1, vm.cpus, vm.memory_mib, vm.disk_mib), runs=False)
    choice = {
        "projects": [(project.name, project.shown_name) for project in projects],
        "leases": leases_of(projects),
        "quotas": after(budgets(request.actor, project=payer), request.person.username, act),
    }
    return _form(request, vm, "clone", typed | choice, error)


@page("vm.view")
def hardware(request: PageRequest, vm_id: int) -> HttpResponse:
    """What it is made of, and the form that changes it."""
    vm = get_vm(request.actor, vm_id=vm_id)
    return _hardware(request, vm, _sizes_of(vm))


@page("vm.resize", methods=("POST",))
def resize(request: PageRequest, vm_id: int) -> HttpResponse:
    """Other sizes."""
    vm = get_vm(request.actor, vm_id=vm_id)
    require(request.actor, "vm.resize", vm)
    typed = {name: request.POST.get(name, "")[:MAX_TYPED].strip() for name in _sizes_of(vm)}
    try:
        resize_vm(request.actor, vm=vm, sizes=_read_sizes(vm, typed))
    except (Invalid, NoCapacity) as error:
        return _hardware(request, vm, typed, error)
    return see_other(request, reverse("vm-hardware", args=[vm.pk]))


def _sizes_of(vm: Vm) -> dict[str, str]:
    """The sizes as a person would type them; what the next start gives, where that differs."""
    memory_mib = vm.next_memory_mib or vm.memory_mib
    return {
        "cpus": str(vm.next_cpus or vm.cpus),
        "memory": exact_mib(memory_mib),
        "disk": exact_mib(vm.disk_mib),
    }


def _read_sizes(vm: Vm, typed: dict[str, str]) -> VmSizes:
    """What was changed in the form. Raises Invalid holding every amount that cannot be read."""
    shown = _sizes_of(vm)
    found: dict[str, int] = {}
    wrong: list[Invalid] = []
    for name, read in (("cpus", count_of), ("memory", parse_mib), ("disk", parse_mib)):
        field = name if name == "cpus" else f"{name}_mib"
        try:
            if typed[name] != shown[name]:
                found[field] = read(typed[name], field)
        except Invalid as error:
            wrong.append(error)
    if wrong:
        raise Invalid(wrong[0].template, field=wrong[0].field, errors=tuple(wrong))
    return VmSizes(**found)


def _hardware(
    request: PageRequest, vm: Vm, typed: dict[str, str], error: VrabecError | None = None
) -> HttpResponse:
    context = about(request.actor, vm)
    context |= {"typed": typed, "problems": problems_of(error) if error else {}}
    context["quotas"] = _quotas_after(request, vm, typed) if "resize" in context["verbs"] else []
    return render(request, "vms/hardware.html", context, status=error.status if error else 200)


def _quotas_after(request: PageRequest, vm: Vm, typed: dict[str, str]) -> list[Rows]:
    """What is left of the quotas with the sizes that are typed, if they can be read."""
    runs = runs_or_should(vm)
    has = amounts_of(vm, runs=runs)
    try:
        sizes = {name: value for name, value in vars(_read_sizes(vm, typed)).items() if value}
    except Invalid:
        sizes = {}
    wish = replace(has, **sizes)
    wish = replace(wish, running_cpus=runs * wish.cpus, running_memory_mib=runs * wish.memory_mib)
    act = After(wish, has, runs=runs)
    return after(budgets_of_vm(request.actor, vm=vm), request.person.username, act)


def _form(
    request: PageRequest, vm: Vm, name: str, typed: dict[str, Any], error: VrabecError | None = None
) -> HttpResponse:
    """The form `vms/{name}.html` with what was typed and, after a refusal, what is wrong."""
    context = {"vm": vm, "title": vm.name, "typed": typed, "max_description": MAX_DESCRIPTION}
    return ask(request, f"vms/{name}.html", context, error)
