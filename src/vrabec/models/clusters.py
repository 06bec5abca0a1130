"""Clusters: hosts with the same storage and networks, and how full they may become."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

FIRST = "default"
"""The cluster of hosts that nobody put into one."""
MEMORY_RATIO = 1.0
CPU_RATIO = 16.0
BALANCE_MOVES = 5


class Cover(models.TextChoices):
    """What is done about N+1: whichever one host dies, its machines find a place on the others."""

    OFF = "off", "Not looked at"
    SAY = "say", "Preferred"
    REFUSE = "refuse", "Kept"


class CpuChoice(models.TextChoices):
    """What CPU a machine gets that is made under KVM."""

    HOST = "host", "Its host's own"
    BASELINE = "baseline", "What all hosts have in common"


class Cluster(models.Model):
    """Hosts that can stand in for each other.

    `memory_ratio` and `cpu_ratio` say how much may be promised: times what a host has.
    Every `balance_hours` it is balanced by at most `balance_moves` moves, last at `balanced_at`; 0: only when
    somebody asks.
    """

    name = models.CharField(max_length=63, unique=True)
    memory_ratio = models.FloatField(default=MEMORY_RATIO)
    cpu_ratio = models.FloatField(default=CPU_RATIO)
    cover = models.CharField(max_length=8, choices=Cover.choices, default=Cover.SAY)
    cpu = models.CharField(max_length=8, choices=CpuChoice.choices, default=CpuChoice.HOST)
    baseline = models.JSONField(default=dict)
    """What the CPUs of its hosts have in common, as libvirt computed it: services/baselines.py."""
    balance_hours = models.PositiveSmallIntegerField(default=0)
    balance_moves = models.PositiveSmallIntegerField(default=BALANCE_MOVES)
    balanced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(memory_ratio__gt=0, cpu_ratio__gt=0), name="cluster_ratios_are_positive"
            ),
        )


def first_cluster() -> int:
    """The id of the oldest cluster; where there is none, one is made."""
    oldest = Cluster.objects.order_by("pk").values_list("pk", flat=True).first()
    return oldest or Cluster.objects.get_or_create(name=FIRST)[0].pk
