"""Pictures of machines' screens."""

from __future__ import annotations

from django.db import models

from vrabec.models.vms import Vm


class VmScreen(models.Model):
    """The last picture of a machine's screen, in a row of its own: lists never read it.

    `Vm.screen_at` says when it was taken. `is_asked`: somebody wants a new one.
    """

    vm = models.OneToOneField(Vm, on_delete=models.CASCADE, primary_key=True, related_name="screen")
    is_asked = models.BooleanField(default=False, db_index=True)
    png = models.BinaryField(default=bytes)
