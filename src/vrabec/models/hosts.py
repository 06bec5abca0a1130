"""Hypervisor hosts as inventory last saw them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from vrabec.lib.ssh import fingerprint
from vrabec.models.clusters import Cluster, first_cluster

POOL = "vrabec"
"""The storage pool that holds our volumes on every host."""


class HostState(models.TextChoices):
    """Whether a host answers."""

    CONNECTING = "connecting", "Connecting"
    ONLINE = "online", "Online"
    UNREACHABLE = "unreachable", "Unreachable"


class HostQuerySet(models.QuerySet["Host"]):
    """Hosts without those that were removed."""

    def present(self) -> Self:
        """Hosts that nobody removed."""
        return self.filter(removed_at=None)


class Host(models.Model):
    """A machine that runs libvirt. Facts are written by inventory alone."""

    name = models.CharField(max_length=63)
    cluster = models.ForeignKey(
        Cluster, on_delete=models.SET_NULL, related_name="hosts", null=True, blank=True
    )
    """The first one where none was named. Null for one that was removed, and its cluster after it."""
    uri = models.CharField(max_length=300)
    host_key = models.TextField(blank=True)
    """The key of its ssh server that a person confirmed, "ssh-ed25519 AAAA…"; "" where there is none."""
    state = models.CharField(max_length=16, choices=HostState.choices, default=HostState.CONNECTING)
    state_since = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)
    maintenance_since = models.DateTimeField(null=True, blank=True)
    """Null but for a host that takes no machines, as somebody works on it."""
    hostname = models.CharField(max_length=255, blank=True)
    arch = models.CharField(max_length=32, blank=True)
    cpus = models.PositiveIntegerField(default=0)
    memory_mib = models.PositiveIntegerField(default=0)
    libvirt_version = models.CharField(max_length=32, blank=True)
    hypervisor_version = models.CharField(max_length=32, blank=True)
    domain_type = models.CharField(max_length=16, blank=True)
    networks = models.JSONField(default=list)
    offers = models.JSONField(default=dict)
    """What machines that come find there: lib/fit.py's Offers."""
    pool_free_mib = models.PositiveBigIntegerField(default=0)
    pool_total_mib = models.PositiveBigIntegerField(default=0)
    version = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[HostQuerySet] = HostQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["name"], condition=Q(removed_at=None), name="host_name_once"),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=False) | Q(cluster__isnull=False), name="host_is_in_a_cluster"
            ),
        )

    def save(self, **options: Any) -> None:
        """As Django does. A default of the field would be asked for by each Host() that is never saved."""
        if self._state.adding and self.cluster_id is None and self.removed_at is None:
            self.cluster_id = first_cluster()
        super().save(**options)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the confirmed key, "" where there is none."""
        return fingerprint(self.host_key) if self.host_key else ""

    @property
    def is_emulated(self) -> bool:
        """Guests run without hardware help: `domain_type` is "qemu" where KVM does not work."""
        return self.domain_type == "qemu"
