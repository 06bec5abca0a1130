"""A machine's page: who may do what with it, and whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.grants import Filled, cards, filled, give_to, holder_in, left
from vrabec.frontends.web.jinja import say
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.vms import about
from vrabec.frontends.web.words import act_of
from vrabec.lib.errors import Conflict, Invalid, NoCapacity
from vrabec.models.vms import Vm
from vrabec.services import access
from vrabec.services.access import ON_MACHINES
from vrabec.services.vms import get_vm
from vrabec.services.why import why

_WITHHOLD = ("from_who", "from_kind", "verb")
_OWNER = ("owner", "owner_kind")
_ASK = ("person", "may")


@dataclass(frozen=True)
class Answer:
    """Whether somebody may, and why."""

    may: bool
    why: tuple[str, ...]


@page("vm.share")
def show(request: PageRequest, vm_id: int) -> HttpResponse:
    """Who may do what; with a name and a verb in the address also why somebody may."""
    vm = get_vm(request.actor, vm_id=vm_id)
    access.require_share(request.actor, vm)
    return _show(request, vm)


@page("vm.share", methods=("POST",))
def give(request: PageRequest, vm_id: int) -> HttpResponse:
    """Give a role on it."""
    vm = get_vm(request.actor, vm_id=vm_id)
    form = give_to(request, vm)
    if form.problems:
        return _show(request, vm, give=form)
    return see_other(request, reverse("vm-access", args=[vm.pk]))


@page("vm.share", methods=("POST",))
def withhold(request: PageRequest, vm_id: int) -> HttpResponse:
    """Let somebody not do something with it."""
    vm = get_vm(request.actor, vm_id=vm_id)
    access.require_share(request.actor, vm)
    form = filled(request, *_WITHHOLD)
    try:
        holder = holder_in(form, "from_who", "from_kind")
        access.withhold(request.actor, vm=vm, holder=holder, verb=form.typed["verb"])
    except (Invalid, Conflict) as error:
        return _show(request, vm, withhold=form.refused(error))
    messages.success(request, gettext("It is withheld from %(name)s now.") % {"name": holder.name})
    return see_other(request, left(request, vm))


@page("vm.share", methods=("POST",))
def give_back(request: PageRequest, vm_id: int, withheld_id: int) -> HttpResponse:
    """End that something is withheld."""
    vm = get_vm(request.actor, vm_id=vm_id)
    access.give_back(request.actor, vm=vm, withheld_id=withheld_id)
    messages.success(request, gettext("It is no longer withheld."))
    return see_other(request, reverse("vm-access", args=[vm.pk]))


@page("vm.share", methods=("POST",))
def transfer(request: PageRequest, vm_id: int) -> HttpResponse:
    """Make it somebody else's, or its project's."""
    vm = get_vm(request.actor, vm_id=vm_id)
    access.require_share(request.actor, vm)
    form = filled(request, *_OWNER)
    try:
        name = "" if form.typed["owner_kind"] == "project" else holder_in(form, "owner", "owner_kind").name
        kind = "group" if form.typed["owner_kind"] == "group" else "user"
        access.transfer(request.actor, vm=vm, **{kind: name})
    except (Invalid, NoCapacity) as error:
        return _show(request, vm, owner=form.refused(error))
    words = gettext("It belongs to %(name)s now.") if name else gettext("It belongs to its project now.")
    messages.success(request, words % {"name": name} if name else words)
    return see_other(request, left(request, vm))


def _show(request: PageRequest, vm: Vm, **forms: Filled) -> HttpResponse:
    ask, answer = _asked(request, vm)
    empty = {"withhold": Filled(dict.fromkeys(_WITHHOLD, "")), "owner": Filled(_owner_of(vm)), "ask": ask}
    context = about(request.actor, vm) | cards(request, vm, forms.pop("give", None)) | empty | forms
    status = max(context[name].status for name in ("give", "withhold", "owner", "ask"))
    context |= {"acts": _acts(), "answer": answer}
    return render(request, "access/machine.html", context, status=status)


def _acts() -> list[tuple[str, str]]:
    """Verbs on machines, by their words."""
    verbs = [(verb, act_of(verb)) for verb in ON_MACHINES if verb.startswith("vm.")]
    return sorted(verbs, key=lambda verb: verb[1])


def _owner_of(vm: Vm) -> dict[str, str]:
    """The form as the machine is."""
    if vm.owner_group:
        return {"owner": vm.owner_group.name, "owner_kind": "group"}
    name = vm.owner.username if vm.owner else ""
    return {"owner": name, "owner_kind": "user" if name else "project"}


def _asked(request: PageRequest, vm: Vm) -> tuple[Filled, Answer | None]:
    """The question in the address, and the answer."""
    if request.method == "POST" or "person" not in request.GET:
        return Filled(dict.fromkeys(_ASK, "")), None
    form = filled(request, *_ASK)
    try:
        if not form.typed["person"]:
            raise Invalid("Name a user.", field="user")
        found = why(request.actor, verb=form.typed["may"], scope=vm, username=form.typed["person"])
    except Invalid as error:
        return form.refused(error), None
    return form, Answer(found.may, tuple(say(*sentence) for sentence in found.sentences))
