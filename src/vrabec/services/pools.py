"""Storage pools of hosts and what lies in them: shown as the hosts have them, and left as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Count, Prefetch, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models import bulk
from vrabec.models.pools import Pool, Volume
from vrabec.models.vms import Vm
from vrabec.models.xml import VmXml
from vrabec.services.hosts import hosts_with
from vrabec.services.permissions import require_somewhere

Row = tuple[Any, ...]
_AT_ONCE = 500
"""Ids of one statement."""


def list_pools(actor: Actor, *, host: str = "") -> QuerySet[Pool]:
    """The pools that `actor` sees, of all hosts or of one, by host and name, with `volume_count`: one query.

    With a name two queries. Raises Invalid for a host that is not there, Forbidden.
    """
    require_somewhere(actor, "pool.list")
    hosts = hosts_with(actor, "pool.list")
    if host:
        hosts = hosts.filter(name=host.replace("\0", ""))
        if not hosts.exists():
            raise Invalid("There is no host named %(name)s.", field="host", name=host[:64])
    seen = Pool.objects.filter(host__in=hosts)
    counted = seen.annotate(volume_count=Count("volumes"))
    return counted.select_related("host").order_by("host__name", "name")


def get_pool(actor: Actor, *, pool_id: int) -> Pool:
    """The pool of this id. Raises NotFound, Forbidden."""
    pool = list_pools(actor).filter(pk=pool_id).first()
    if pool is None:
        raise NotFound("There is no storage pool with this id.")
    return pool


def list_volumes(actor: Actor, *, pool: Pool, text: str = "") -> QuerySet[Volume]:
    """The volumes of a pool with `text` in their names, each with its `vm` if one sees it: two queries."""
    vms = Prefetch("vm", Vm.objects.visible_to(actor).select_related("host"))
    rows = pool.volumes.filter(name__icontains=text.replace("\0", "")) if text else pool.volumes.all()
    return rows.prefetch_related(vms).order_by("name")


def layers_over(pool: Pool, volumes: Iterable[Volume]) -> dict[str, int]:
    """How many volumes of the host are layers over each of these, by their paths, where there are any."""
    paths = [volume.path for volume in volumes if volume.path]
    rows = Volume.objects.filter(pool__host=pool.host_id, backing_path__in=paths).order_by()
    return dict(rows.values_list("backing_path").annotate(n=Count("pk")))


# As hosts have them, by inventory


def keep_pools(host_id: int, found: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Write the pools that a host has, as columns; those it has no more go. Gives ids by names."""
    fresh = {columns["name"]: columns for columns in found}
    Pool.objects.filter(host_id=host_id).exclude(name__in=fresh).delete()
    kept = [
        Pool.objects.update_or_create(host_id=host_id, name=name, defaults=dict(columns))[0]
        for name, columns in fresh.items()
    ]
    return {pool.name: pool.pk for pool in kept}


def keep_volumes(pool_id: int, found: Collection[Row], users: Mapping[str, int]) -> None:
    """Write the volumes that a pool has, each as Volume.FACTS; `users` are machines by where their disks lie.

    A row that differs is written anew: which images grew cannot be said beforehand, and most did not.
    """
    pool = Pool.objects.filter(pk=pool_id).values_list("name", flat=True).first()
    if pool is None:  # gone meanwhile
        return
    fresh = {(*row, users.get(row[1]) or users.get(f"{pool}/{row[0]}")) for row in found}
    rows = Volume.objects.filter(pool_id=pool_id).values_list("pk", *Volume.FACTS, "vm_id")
    known = {row[1:]: row[0] for row in rows}
    gone = [pk for row, pk in known.items() if row not in fresh]
    for start in range(0, len(gone), _AT_ONCE):
        Volume.objects.filter(pk__in=gone[start : start + _AT_ONCE]).delete()
    names = (*Volume.FACTS, "vm_id")
    bulk.insert(Volume(pool_id=pool_id), [dict(zip(names, row, strict=True)) for row in fresh - known.keys()])
    Pool.objects.filter(pk=pool_id).update(seen_at=now())


def disks_on(host_id: int) -> dict[str, int]:
    """The machines of a host by where their disks lie: one query."""
    rows = VmXml.objects.filter(vm__host_id=host_id, vm__deleted_at=None).values_list("vm_id", "needs")
    return {place: vm_id for vm_id, needs in rows for place in needs.get("disks", ())}
