"""/vms/{id}/xml: a machine in libvirt's own words."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services.vm_xml import get_xml
from vrabec.services.vms import get_vm

router = Router(tags=["machines"], auth=AUTH)


class VmXmlOut(Schema):
    """The domain XML as last seen: of a machine that runs the live one. Passwords are left out."""

    xml: str
    seen_at: datetime


@router.get("/vms/{vm_id}/xml", response=answers({200: VmXmlOut}), operation_id="get_vm_xml")
@action("vm.xml")
def show(request: HttpRequest, vm_id: int) -> VmXmlOut:
    """What libvirt says of a machine."""
    who = actor(request)
    found = get_xml(who, vm=get_vm(who, vm_id=vm_id))
    return VmXmlOut(xml=found.text, seen_at=found.seen_at)
