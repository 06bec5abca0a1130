"""Machines in libvirt's own words, as inventory last saw them: no request asks a host."""

from __future__ import annotations

import hashlib

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import NotFound
from vrabec.models.vms import Vm
from vrabec.models.xml import VmXml
from vrabec.services.permissions import require


def get_xml(actor: Actor, *, vm: Vm) -> VmXml:
    """The definition as last seen. Raises NotFound before the first look, Forbidden."""
    require(actor, "vm.xml", vm.project_id)
    found = VmXml.objects.filter(vm=vm).first()
    if found is None:
        raise NotFound(
            "The definition of %(name)s was not seen yet: it comes once it is on its host.", name=vm.name
        )
    return found


def write_xml(vm_id: int, text: str) -> bool:
    """Keep what a host just said, where it differs. Returns whether it did."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if VmXml.objects.filter(vm_id=vm_id, digest=digest).exists():
        return False
    fresh = {"text": text, "digest": digest, "seen_at": now()}
    VmXml.objects.update_or_create(vm_id=vm_id, defaults=fresh)
    return True
