"""Tickets to consoles."""

from __future__ import annotations

from django.db import models

from vrabec.lib import tunnel
from vrabec.models.users import User
from vrabec.models.vms import Vm


class ConsoleKind(models.TextChoices):
    """What a console shows."""

    VNC = tunnel.VNC, "Screen"
    SERIAL = tunnel.SERIAL, "Serial"


class ConsoleTicket(models.Model):
    """A secret that opens one console once, for one person. Only its SHA-256 is stored; used, the row goes.

    `take`: a serial console is taken from whoever has it.
    """

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    vm = models.ForeignKey(Vm, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=ConsoleKind.choices)
    take = models.BooleanField(default=False)
    expires_at = models.DateTimeField(db_index=True)
