"""A machine that was found on its host is given to a project: ours to know, its host hears nothing of it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.errors import WrongState
from vrabec.models.changes import changed
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.placement import take_lock
from vrabec.services.projects import get_project
from vrabec.services.quotas import Purse, amounts_of, runs_or_should
from vrabec.services.record import record
from vrabec.services.vms import get_vm

OURS = "%(name)s was made by Vrabec: it stays in its project."


def adopt_vm(actor: Actor, *, vm_id: int, project: str) -> Vm:
    """Let the people of `project` see and run a found machine; "" takes it from its project again.

    Raises NotFound for the machine and, naming the field, for the project; WrongState where Vrabec made it;
    Forbidden.
    """
    vm = get_vm(actor, vm_id=vm_id)
    require(actor, "vm.adopt")
    if vm.is_managed:
        raise WrongState(OURS, name=vm.name)
    before = vm.project
    vm.project = get_project(actor, name=project) if project else None
    with transaction.atomic():
        take_lock()
        if vm.project and vm.project != before:
            Purse().take([vm.project], amounts_of(vm, runs=runs_or_should(vm)))
        Vm.objects.filter(pk=vm.pk).update(project=vm.project, version=F("version") + 1)
        record(actor, "vm.adopt", of=vm, before=before.name if before else "", after=project)
        changed("vm", vm.pk)
    return vm
