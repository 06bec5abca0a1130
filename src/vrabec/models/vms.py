"""Virtual machines: who owns them, what was wished, what was seen."""

from __future__ import annotations

import uuid
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.models.grants import reached
from vrabec.models.hosts import Host
from vrabec.models.projects import Project
from vrabec.models.templates import Template
from vrabec.models.users import Group, User


class Seen(models.IntegerChoices):
    """What a host last said of a machine. The numbers are the default order: what needs a person first."""

    CRASHED = 10, "Crashed"
    UNKNOWN = 20, "Unknown"
    PENDING = 30, "Pending"
    PAUSED = 40, "Paused"
    RUNNING = 50, "Running"
    HIBERNATED = 55, "Hibernated"
    OFF = 60, "Off"


class Wished(models.TextChoices):
    """What a person last asked for. A machine that we do not manage has no wish."""

    ON = "on", "On"
    OFF = "off", "Off"
    NONE = "none", "None"


class Firmware(models.TextChoices):
    """What starts the guest."""

    BIOS = "bios", "BIOS"
    UEFI = "uefi", "UEFI"


def file_stem(domain_name: str, uuid: uuid.UUID) -> str:
    """How the files of a new machine begin: fixed before the first is made, and nobody else's."""
    return f"{domain_name}-{uuid.hex[:8]}"


class VmQuerySet(models.QuerySet["Vm"]):
    """Machines as an actor sees them."""

    def present(self) -> Self:
        """Machines that were not deleted; tombstones stay for the record."""
        return self.filter(deleted_at=None)

    def visible_to(self, actor: Actor) -> Self:
        """Those present that the actor may look at."""
        return self.present().filter(reached(actor, "vm.view"))


_INDEXES = {
    "vm_by_name": ("name", "id", "project", "host", "seen", "address", "mac"),
    "vm_by_host": ("host", "name", "id", "seen", "project"),
    "vm_by_seen": ("seen", "name", "id", "project", "host"),
    "vm_to_place": ("host", "wished", "seen", "memory_mib", "next_memory_mib", "cpus"),
    "vm_by_project": ("project", "name", "id", "seen", "host", "address", "mac"),
    "vm_by_memory": ("memory_mib", "id", "project"),
}


class Vm(models.Model):
    """One machine. `id` is ours and for ever; (host, uuid) is libvirt's and unique while present.

    `domain_name` is its name on the host: "project.name" for those we made, so that two projects may
    use one name (names have no dot, so it cannot be read two ways). `tag_line` holds the tags as
    " prod web ", so that a list finds " prod " without a join.
    `cpus` and `memory_mib` are what runs; `next_...` what the next start gives, None when it is the same.
    `farm` is "" or a word that machines of one project share: no two of them are made on one host.
    `owner` or `owner_group` may do with it what roles.py:OWNED says while they have a part in its project;
    without one it is the project's.
    `pinned_to` are the only hosts that it may be on; none: any.
    `is_lost`: deleted because its host had it no more, or is no host of ours; it comes back when it is seen.
    `lease_ends_at` is when its lease ends, None for never; `lease_ended_at` when it was switched off for it,
    `lease_told_days` of how many days before the end its people were told.
    `file_stem` begins the names of the files we made for it, on its host: a rename does not change it.
    """

    name = models.CharField(max_length=255)
    domain_name = models.CharField(max_length=255)
    file_stem = models.CharField(max_length=300, blank=True)
    uuid = models.UUIDField(default=uuid.uuid4)
    # Without indexes of their own: SQLite would take those, which know nothing else, before vm_by_...
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="vms", null=True, blank=True, db_index=False
    )
    host = models.ForeignKey(
        Host, on_delete=models.PROTECT, related_name="vms", null=True, blank=True, db_index=False
    )
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, related_name="vms", null=True, blank=True
    )
    is_managed = models.BooleanField(default=True)
    cpus = models.PositiveIntegerField(default=1)
    memory_mib = models.PositiveIntegerField(default=0)
    next_cpus = models.PositiveIntegerField(null=True, blank=True)
    next_memory_mib = models.PositiveIntegerField(null=True, blank=True)
    disk_mib = models.PositiveIntegerField(default=0)
    network = models.CharField(max_length=64, blank=True)
    mac = models.CharField(max_length=17, blank=True)
    address = models.CharField(max_length=45, blank=True)
    firmware = models.CharField(max_length=8, choices=Firmware.choices, default=Firmware.BIOS)
    wished = models.CharField(max_length=8, choices=Wished.choices, default=Wished.NONE)
    seen = models.PositiveSmallIntegerField(choices=Seen.choices, default=Seen.PENDING)
    state_since = models.DateTimeField(auto_now_add=True)
    description = models.TextField(blank=True)
    tag_line = models.CharField(max_length=700, blank=True)
    farm = models.CharField(max_length=32, blank=True)
    pinned_to = models.ManyToManyField(Host, related_name="pinned_vms", blank=True)
    has_agent = models.BooleanField(default=False)
    is_ready = models.BooleanField(default=False)
    autostart = models.BooleanField(default=False)
    screen_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveBigIntegerField(default=1)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True)
    owner = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="vms", null=True, blank=True)
    owner_group = models.ForeignKey(
        Group, on_delete=models.SET_NULL, related_name="vms", null=True, blank=True
    )
    lease_ends_at = models.DateTimeField(null=True, blank=True)
    lease_ended_at = models.DateTimeField(null=True, blank=True)
    lease_told_days = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    is_lost = models.BooleanField(default=False)

    objects: ClassVar[VmQuerySet] = VmQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(deleted_at=None, is_managed=True),
                name="vm_name_once_a_project",
            ),
            models.UniqueConstraint(
                fields=["host", "uuid"], condition=Q(deleted_at=None), name="vm_uuid_once_a_host"
            ),
        )
        # Of machines that are there, with what lists ask: an index alone counts them and finds a page.
        # `deleted_at` is None in all, but SQLite (3.40) looks it up in the table where it is missing.
        indexes = (
            *(
                models.Index(fields=[*fields, "deleted_at"], condition=Q(deleted_at=None), name=name)
                for name, fields in _INDEXES.items()
            ),
            models.Index(
                fields=["lease_ends_at"],
                condition=Q(deleted_at=None, lease_ends_at__isnull=False),
                name="vm_by_lease",
            ),
            models.Index(fields=["uuid"], condition=Q(deleted_at=None) | Q(is_lost=True), name="vm_by_uuid"),
        )

    @property
    def tags(self) -> list[str]:
        """The tags, in order of the alphabet."""
        return self.tag_line.split()

    @property
    def is_lease_over(self) -> bool:
        """Whether it may not run any more."""
        return self.lease_ends_at is not None and self.lease_ends_at <= now()


class VmLoad(models.Model):
    """The latest load of a machine, in a narrow row of its own: written every ten seconds.

    Rates are over the time since the sample before. How it was earlier: services/history.py.
    `disk_size_mib` is what its disks are promised, `disk_used_mib` what they take: thin images take less.
    """

    vm = models.OneToOneField(Vm, on_delete=models.CASCADE, primary_key=True, related_name="load")
    cpu_percent = models.FloatField(default=0)
    memory_used_mib = models.PositiveIntegerField(default=0)
    disk_size_mib = models.PositiveIntegerField(default=0)
    disk_used_mib = models.PositiveIntegerField(default=0)
    disk_read_bytes_s = models.FloatField(default=0)
    disk_written_bytes_s = models.FloatField(default=0)
    net_received_bytes_s = models.FloatField(default=0)
    net_sent_bytes_s = models.FloatField(default=0)
    seen_at = models.DateTimeField()

    @property
    def rates(self) -> tuple[int, int, int, int]:
        """Bytes a second: read from and written to disks, received from and sent to networks."""
        disks = round(self.disk_read_bytes_s), round(self.disk_written_bytes_s)
        return *disks, round(self.net_received_bytes_s), round(self.net_sent_bytes_s)
