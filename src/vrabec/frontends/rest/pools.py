"""/pools: the storage of hosts, and what lies in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Page, PerPage, answers
from vrabec.models.pools import Pool, Volume
from vrabec.services import pools

router = Router(tags=["hosts"], auth=AUTH)

Part = Annotated[str, Field(max_length=200, description="A part of the name.")]


class PoolOut(Schema):
    """A storage pool of a host, by libvirt's `kind`: dir, netfs, logical, rbd. Not active: no sizes.

    `source` is what it stands on, such as nfs1:/export; "" for a directory of the host's own. `seen_at` is
    when its volumes were last read, null before.
    """

    id: int
    name: str
    host: str
    kind: str
    source: str
    path: str
    is_active: bool
    capacity_mib: int
    available_mib: int
    volumes: int
    seen_at: datetime | None

    @classmethod
    def of(cls, pool: Pool) -> PoolOut:
        """The schema of a row as services/pools.py:list_pools gives it."""
        own = {name: getattr(pool, name) for name in cls.model_fields if name not in ("host", "volumes")}
        return cls(host=pool.host.name, volumes=pool.volume_count, **own)  # type: ignore[attr-defined]


class VolumeOut(Schema):
    """A volume: `capacity_mib` is what a guest sees, `allocation_mib` what it takes from the pool.

    `vm` is the id of a machine whose disk it is, null also for one that you do not see; `layers` is how many
    volumes of the host are layers over it.
    """

    name: str
    path: str
    format: str
    capacity_mib: int
    allocation_mib: int
    backing_path: str
    vm: int | None
    vm_name: str
    layers: int

    @classmethod
    def of(cls, volume: Volume, layers: int) -> VolumeOut:
        """The schema of a row as services/pools.py:list_volumes gives it."""
        own = {name: getattr(volume, name) for name in Volume.FACTS}
        vm = volume.vm
        return cls(vm=vm.pk if vm else None, vm_name=vm.name if vm else "", layers=layers, **own)


class VolumePage(Schema):
    """One page of volumes, by name."""

    items: list[VolumeOut]
    total: int
    page: int
    per_page: int


@router.get("/pools", response=answers({200: list[PoolOut]}), operation_id="list_pools")
@action("pool.list")
def index(request: HttpRequest, host: Annotated[str, Field(max_length=200)] = "") -> list[PoolOut]:
    """Storage pools of all hosts, or of the host of this name."""
    return [PoolOut.of(row) for row in pools.list_pools(actor(request), host=host)]


@router.get("/pools/{pool_id}/volumes", response=answers({200: VolumePage}), operation_id="list_volumes")
@action("pool.list")
def volumes(
    request: HttpRequest, pool_id: int, q: Part = "", page: Page = 1, per_page: PerPage = 50
) -> VolumePage:
    """The volumes of a pool."""
    who = actor(request)
    pool = pools.get_pool(who, pool_id=pool_id)
    rows = pools.list_volumes(who, pool=pool, text=q)
    shown = list(rows[(page - 1) * per_page : page * per_page])
    layers = pools.layers_over(pool, shown)
    items = [VolumeOut.of(row, layers.get(row.path, 0)) for row in shown]
    return VolumePage(items=items, total=rows.count(), page=page, per_page=per_page)
