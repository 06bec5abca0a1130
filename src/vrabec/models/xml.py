"""What hosts say of machines in libvirt's own words."""

from __future__ import annotations

from django.db import models

from vrabec.models.vms import Vm


class VmXml(models.Model):
    """What a host last said of a machine, without its secrets, in a row of its own: lists never read it.

    While it runs that is the live one, else what its next start gives.
    """

    vm = models.OneToOneField(Vm, on_delete=models.CASCADE, primary_key=True, related_name="xml")
    text = models.TextField()
    digest = models.CharField(max_length=64)
    seen_at = models.DateTimeField()
