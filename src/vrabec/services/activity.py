"""The record, read: what happened to what the actor may see."""

from __future__ import annotations

from vrabec.lib.actor import Actor
from vrabec.models.audit import Audit, AuditQuerySet
from vrabec.models.vms import Vm
from vrabec.services.permissions import require


def list_activity(actor: Actor) -> AuditQuerySet:
    """Lines of the record that `actor` sees, newest first."""
    require(actor, "audit.list")
    return Audit.objects.visible_to(actor).order_by("-id")


def vm_activity(actor: Actor, *, vm: Vm) -> AuditQuerySet:
    """Lines of the record about one machine, newest first. `vm` came from `get_vm`, so it may be seen."""
    return Audit.objects.filter(kind="vm", subject_id=vm.pk).order_by("-id")
