"""What hosts say of machines in libvirt's own words."""

from __future__ import annotations

from django.db import models

from vrabec.models.vms import Vm


class VmXml(models.Model):
    """What a host last said of a machine, without its secrets, in a row of its own: lists never read it.

    While it runs that is the live one, else what its next start gives. `needs` is what it asks of a host
    (lib/fit.py), as read from it. `digest` is over all that the host said, also of what is in other rows: a
    look that gives the same needs no reading. `agent_connected`: to the guest's agent, then.
    """

    vm = models.OneToOneField(Vm, on_delete=models.CASCADE, primary_key=True, related_name="xml")
    text = models.TextField()
    needs = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    agent_connected = models.BooleanField(default=False)
    seen_at = models.DateTimeField()
