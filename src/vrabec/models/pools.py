"""Storage pools of hosts and their volumes, as inventory last saw them, whoever made them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vrabec.models.hosts import Host
from vrabec.models.vms import Vm


class Pool(models.Model):
    """A pool of a host; `kind`, `source` and `path` as in hypervisor/spec.py:PoolFacts.

    Of one that is not active the volumes are those that it had when it was. `seen_at` is when its volumes
    were last read, null before.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="pools")
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=32)
    source = models.TextField(blank=True)
    path = models.TextField(blank=True)
    is_active = models.BooleanField(default=False)
    capacity_mib = models.PositiveBigIntegerField(default=0)
    available_mib = models.PositiveBigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["host", "name"], name="pool_once"),)


class Volume(models.Model):
    """A volume: `capacity_mib` is what a guest sees, `allocation_mib` what it takes from the pool.

    `vm` is a machine of the same host that has it as a disk, `backing_path` what it is a layer over.
    """

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="volumes")
    name = models.CharField(max_length=255)
    path = models.TextField(blank=True)
    format = models.CharField(max_length=32, blank=True)
    capacity_mib = models.PositiveBigIntegerField(default=0)
    allocation_mib = models.PositiveBigIntegerField(default=0)
    backing_path = models.TextField(blank=True)
    vm = models.ForeignKey(Vm, on_delete=models.SET_NULL, related_name="volumes", null=True, blank=True)

    FACTS: ClassVar = ("name", "path", "format", "capacity_mib", "allocation_mib", "backing_path")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["pool", "name"], name="volume_once"),)
