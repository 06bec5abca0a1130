"""Machines that are bound to hosts: by a licence, a device, a disk that is nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict
from vrabec.models.changes import changed
from vrabec.models.vms import Vm
from vrabec.services.hosts import hosts_named
from vrabec.services.permissions import require
from vrabec.services.placement import take_lock
from vrabec.services.record import record
from vrabec.services.vms import get_vm


def pin_vm(actor: Actor, *, vm_id: int, hosts: Iterable[str]) -> Vm:
    """Let a machine be on these hosts alone; none: on any. Nothing moves.

    Raises NotFound, Invalid for a host that is not there, Conflict unless its own is among them, Forbidden.
    """
    vm = get_vm(actor, vm_id=vm_id)
    require(actor, "vm.pin", vm)
    wanted = hosts_named(hosts)
    with transaction.atomic():
        take_lock()
        row = Vm.objects.select_for_update(of=("self",)).select_related("host").get(pk=vm.pk)
        if row.host and wanted and row.host not in wanted:
            raise Conflict("%(host)s holds it now: name it as well.", host=row.host.name, field="hosts")
        before = sorted(vm.pinned_to.values_list("name", flat=True))
        vm.pinned_to.set(wanted)
        Vm.objects.filter(pk=vm.pk).update(version=F("version") + 1)
        record(actor, "vm.pin", of=vm, before=before, after=[host.name for host in wanted])
        changed("vm", vm.pk)
    return vm
