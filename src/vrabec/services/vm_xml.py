"""Machines in libvirt's own words, as inventory last saw them: no request asks a host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import NotFound
from vrabec.lib.fit import Needs
from vrabec.models import bulk
from vrabec.models.vms import Vm
from vrabec.models.xml import VmXml
from vrabec.services.permissions import require
from vrabec.services.record import record_reading


def get_xml(actor: Actor, *, vm: Vm) -> VmXml:
    """The definition as last seen; that it was read is on record. Raises NotFound, Forbidden."""
    require(actor, "vm.xml", vm)
    found = VmXml.objects.filter(vm=vm).first()
    if found is None:
        raise NotFound(
            "The definition of %(name)s was not seen yet: it comes once it is on its host.", name=vm.name
        )
    record_reading(actor, "vm.xml", of=vm)
    return found


@dataclass(frozen=True)
class Told:
    """What a host said of a machine. `digest` is over all of it, what is kept in other rows included."""

    text: str
    needs: Needs
    digest: str
    agent_connected: bool = False


def write_xml(vm_id: int, told: Told) -> bool:
    """Keep what a host just said, where it differs. Returns whether it did."""
    differs = not VmXml.objects.filter(vm_id=vm_id, digest=told.digest).exists()
    keep_xmls({vm_id: told} if differs else {})
    return differs


def keep_xmls(found: Mapping[int, Told]) -> None:
    """Keep what a host just said of these machines, by their ids."""
    bulk.upsert(VmXml(seen_at=now()), [{"vm_id": vm_id, **_columns(told)} for vm_id, told in found.items()])


def _columns(told: Told) -> dict[str, Any]:
    return vars(told) | {"needs": told.needs.stored()}
