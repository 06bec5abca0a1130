"""Pools and volumes: directories and files, through libvirt alone.

libvirt keeps a list of a pool's volumes and learns of files that others made or removed by a refresh, which
reads every file's header: so a verb acts first, and refreshes only when the answer contradicts.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import libvirt

from vrabec.hypervisor import volumes
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.spec import PoolInfo, VolumeInfo
from vrabec.hypervisor.volumes import MIB
from vrabec.hypervisor.xml import element, parse, to_text
from vrabec.lib.errors import Conflict, NotFound

_DIRECTORIES = ("dir", "fs", "netfs")
_TORN_BYTES = MIB


# Pools


def ensure_pool(host: HostConnection, name: str, path: str) -> PoolInfo:
    """The pool of this name, made in the directory `path` if there is none, active and started at boot.

    A pool that the site has under this name is used where it is. Raises Conflict when it is not a directory.
    """
    with host.calling() as raw:
        pool = _find_pool(raw, name) or _make_pool(raw, name, path)
        if not pool.isActive():
            _activate(pool)
        if not pool.autostart():
            pool.setAutostart(1)
        kind = parse(pool.XMLDesc()).get("type", "")
        if kind not in _DIRECTORIES:
            raise Conflict(
                "The host's pool %(pool)s is of the kind %(kind)s, not a directory.", pool=name, kind=kind
            )
        return _pool_info(pool)


def _find_pool(raw: Any, name: str) -> Any:
    try:
        return raw.storagePoolLookupByName(name)
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_STORAGE_POOL):
            return None
        raise


def _make_pool(raw: Any, name: str, path: str) -> Any:
    """Define and start a pool; one that cannot start does not stay."""
    pool = raw.storagePoolDefineXML(_pool_xml(name, path))
    try:
        _activate(pool)
    except libvirt.libvirtError:
        with suppress(libvirt.libvirtError):
            pool.undefine()
        raise
    return pool


def _activate(pool: Any) -> None:
    """Start a pool; another client may be faster."""
    try:
        pool.build(0)
        pool.create(0)
    except libvirt.libvirtError:
        if not pool.isActive():
            raise


def _pool_xml(name: str, path: str) -> str:
    root = element(
        "pool",
        element("name", name),
        element("target", element("path", path)),
        type="dir",
    )
    return to_text(root)


def pool_info(host: HostConnection, name: str, *, refresh: bool = False) -> PoolInfo:
    """A pool; the free room is that of libvirt's last look, with `refresh` that of now.

    While volumes are made in it libvirt refuses to look, and its last look has to do. Raises NotFound.
    """
    with host.calling() as raw:
        pool = raw.storagePoolLookupByName(name)
        if refresh:
            with suppress(libvirt.libvirtError):
                pool.refresh(0)
        return _pool_info(pool)


def _pool_info(pool: Any) -> PoolInfo:
    _, capacity, _, available = pool.info()
    return PoolInfo(
        name=pool.name(),
        path=parse(pool.XMLDesc()).findtext("target/path", ""),
        capacity_mib=capacity // MIB,
        available_mib=available // MIB,
    )


# Volumes


def volume(host: HostConnection, pool: str, name: str) -> VolumeInfo | None:
    """A volume as it is on the disk now, None when there is none. Raises NotFound: no such pool."""
    with host.calling() as raw:
        found = volumes.find(raw.storagePoolLookupByName(pool), name)
        return volumes.info(found) if found else None


def volume_names(host: HostConnection, pool: str) -> tuple[str, ...]:
    """The names of all volumes, after a refresh. Raises NotFound when the pool is missing."""
    with host.calling() as raw:
        found = raw.storagePoolLookupByName(pool)
        volumes.refresh(found)
        return tuple(sorted(found.listVolumes()))


def clone(host: HostConnection, pool: str, name: str, base_path: str, capacity_mib: int) -> VolumeInfo:
    """A qcow2 volume on the qcow2 file `base_path`; the same one there already is success.

    Raises Conflict when another volume has the name, FileMissing when the base is not there, NoCapacity when
    the disk is full.
    """
    wanted = _CloneXml(name, base_path, capacity_mib)
    with host.calling() as raw:
        target = raw.storagePoolLookupByName(pool)
        made = volumes.create(target, wanted.xml())
        if made is None:
            made = _existing_clone(target, wanted)
        return volumes.info(made)


def copy(host: HostConnection, pool: str, name: str, source_path: str, capacity_mib: int) -> VolumeInfo:
    """A qcow2 volume with all that `source_path` holds, backed by nothing; nothing may write there meanwhile.

    A volume of this name is made anew: whether a copy was cut short cannot be seen. Raises FileMissing,
    NoCapacity when the disk is full, Unavailable while an earlier call still copies.
    """
    with host.calling() as raw:
        target = raw.storagePoolLookupByName(pool)
        volumes.delete(target, name)
        source = _volume_at(raw, target, source_path)
        wanted = _CloneXml(name, "", max(capacity_mib, source.info()[1] // MIB)).xml()
        made = volumes.patient(lambda: target.createXMLFrom(wanted, source, 0))
        if made.info()[1] < capacity_mib * MIB:  # qemu-img convert keeps the source's size
            made.resize(capacity_mib * MIB, 0)
        return volumes.info(made)


def _volume_at(raw: Any, pool: Any, path: str) -> Any:
    try:
        return raw.storageVolLookupByPath(path)
    except libvirt.libvirtError as error:
        if not has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            raise
    volumes.refresh(pool)
    return raw.storageVolLookupByPath(path)


@dataclass(frozen=True)
class _CloneXml:
    """`base_path` "" stands for none."""

    name: str
    base_path: str
    capacity_mib: int

    def xml(self) -> str:
        root = element(
            "volume",
            element("name", self.name),
            element("capacity", str(self.capacity_mib), unit="MiB"),
            element(
                "target",
                element("format", type="qcow2"),
                # libvirt's default is 0.10, in which a discarded cluster shows the base's old data again.
                element("compat", "1.1"),
            ),
        )
        if self.base_path:
            backing = element("path", self.base_path), element("format", type="qcow2")
            root.append(element("backingStore", *backing))
        return to_text(root)


def _existing_clone(pool: Any, wanted: _CloneXml) -> Any:
    """The volume in the way, if it is what we would have made; a torn one is made again."""
    found = volumes.find(pool, wanted.name)
    if found is None:  # only libvirt's list had it
        return pool.createXML(wanted.xml(), 0)
    info = volumes.info(found)
    if (info.format, info.backing_path, info.capacity_mib) == (
        "qcow2",
        wanted.base_path,
        wanted.capacity_mib,
    ):
        return found
    if info.format != "qcow2" and found.info()[2] < _TORN_BYTES:  # libvirtd died under qemu-img
        volumes.patient(lambda: found.delete(0))
        return pool.createXML(wanted.xml(), 0)
    raise Conflict("Another volume has the name %(volume)s in the host's pool.", volume=wanted.name)


def grow(host: HostConnection, pool: str, name: str, capacity_mib: int) -> VolumeInfo:
    """Make a volume that nothing runs on larger; as large already is success. Raises NotFound, NoCapacity."""
    with host.calling() as raw:
        found = volumes.find(raw.storagePoolLookupByName(pool), name)
        if found is None:
            raise NotFound("There is no volume %(volume)s in the host's pool.", volume=name)
        if found.info()[1] < capacity_mib * MIB:
            volumes.patient(lambda: found.resize(capacity_mib * MIB, 0))
        return volumes.info(found)


def delete_volume(host: HostConnection, pool: str, name: str) -> None:
    """Delete a volume and its file; not there, or no pool, is success."""
    with host.calling() as raw:
        target = _find_pool(raw, pool)
        if target is not None:
            volumes.delete(target, name)
