"""The pools of a host and what lies in them, whoever made them: only read, and never refreshed.

A refresh reads the header of every file. What others put into a directory without libvirt shows once somebody
has refreshed the pool. Format: https://libvirt.org/formatstorage.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libvirt
from lxml import etree

from vrabec.hypervisor import volumes
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.spec import PoolFacts, VolumeInfo
from vrabec.hypervisor.volumes import MIB
from vrabec.hypervisor.xml import parse
from vrabec.lib.errors import HostError, NotFound


def list_pools(host: HostConnection) -> tuple[PoolFacts, ...]:
    """All pools of a host, those too that are not active. Of what libvirt knows: no file is touched."""
    with host.calling() as raw:
        try:
            return tuple(_facts(pool) for pool in raw.listAllStoragePools(0))
        except libvirt.libvirtError as error:
            if has_code(error, libvirt.VIR_ERR_NO_SUPPORT):  # LXC
                return ()
            raise


def _facts(pool: Any) -> PoolFacts:
    root = parse(pool.XMLDesc())
    is_active = bool(pool.isActive())
    _, capacity, _, available = pool.info() if is_active else (0, 0, 0, 0)
    return PoolFacts(
        name=pool.name(),
        kind=root.get("type", ""),
        source=_source(root),
        path=root.findtext("target/path", ""),
        is_active=is_active,
        capacity_mib=capacity // MIB,
        available_mib=available // MIB,
    )


def _source(root: etree._Element) -> str:
    """What a pool stands on: a server and what it offers, a volume group, a device."""
    source = root.find("source")
    if source is None:
        return ""
    servers = [server.get("name", "") for server in source.iterfind("host")]
    things = [thing.get("path", "") for tag in ("dir", "device") for thing in source.iterfind(tag)]
    named = source.findtext("name", "")
    return ":".join(filter(None, (",".join(servers), named or ",".join(things))))


def list_volumes(host: HostConnection, pool: str) -> Iterator[VolumeInfo]:
    """The volumes of an active pool, each when it is asked for. Raises NotFound for no such pool.

    One that cannot be read, such as an image with a broken header, has its name alone.
    """
    with host.calling() as raw:
        found = raw.storagePoolLookupByName(pool).listAllVolumes(0)
    for volume in found:
        try:
            with host.calling():
                seen = volumes.info(volume)
        except NotFound:  # gone between two questions
            continue
        except HostError:
            seen = VolumeInfo(volume.name(), "", 0, 0, "", "")
        yield seen
