"""The disks of a running machine that lie in pools, and empty ones on another host that a copy goes into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import libvirt
from lxml import etree

from vrabec.hypervisor import volumes
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.xml import element, parse, to_text


@dataclass(frozen=True)
class Disk:
    """One file of a pool that a machine has as `device`, such as vda. `allocated` are the bytes it takes.

    `backing_path` "" is none; `backing_allocated` are the bytes of that one.
    """

    device: str
    pool: str
    name: str
    path: str
    format: str
    capacity: int
    allocated: int
    backing_path: str
    backing_allocated: int
    is_readonly: bool


def disks_of(host: HostConnection, text: str) -> tuple[Disk, ...]:
    """Those disks of a machine, by its XML, that are files of the host's pools."""
    with host.calling() as raw:
        found = parse(text).iterfind("devices/disk[@type='file']")
        return tuple(disk for each in found for disk in _disk(raw, each))


def _disk(raw: Any, found: etree._Element) -> Iterator[Disk]:
    source, target = found.find("source"), found.find("target")
    volume = _volume(raw, source.get("file", "")) if source is not None else None
    if volume is None or target is None:
        return
    root = parse(volume.XMLDesc())
    kind, backing = root.find("target/format"), root.findtext("backingStore/path", "")
    _, capacity, allocated = volume.info()
    beneath = _volume(raw, backing)
    yield Disk(
        device=target.get("dev", ""),
        pool=volume.storagePoolLookupByVolume().name(),
        name=volume.name(),
        path=volume.path(),
        format=kind.get("type", "raw") if kind is not None else "raw",
        capacity=capacity,
        allocated=allocated,
        backing_path=backing,
        backing_allocated=beneath.info()[2] if beneath else 0,
        is_readonly=found.find("readonly") is not None,
    )


def _volume(raw: Any, path: str) -> Any:
    """A file as a pool knows it; None where it is in none, or no such file."""
    try:
        return raw.storageVolLookupByPath(path) if path else None
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            return None
        raise


def are_apart(one: HostConnection, two: HostConnection, pool: str, mark: str) -> bool:
    """Whether both hosts have this pool at one path, in two folders: a file made in one is not in the other.

    `mark` is that file's name, which nobody has used before: a network's file system may remember for long
    that a file is not there. It is gone afterwards.
    """
    with one.calling() as here, two.calling() as there:
        pools = [_pool(raw, pool) for raw in (here, there)]
        if None in pools or len({_path(found) for found in pools}) > 1:
            return False
        made = []
        try:
            made = [volumes.create(found, _mark_xml(mark)) for found in pools]
            return None not in made
        finally:
            for volume in filter(None, made):
                volume.delete(0)


def _pool(raw: Any, name: str) -> Any:
    with suppress(libvirt.libvirtError):
        found = raw.storagePoolLookupByName(name)
        return found if found.isActive() else None
    return None


def _path(pool: Any) -> str:
    return parse(pool.XMLDesc()).findtext("target/path", "").rstrip("/")


def _mark_xml(name: str) -> str:
    size = element("capacity", "0"), element("allocation", "0")
    return to_text(
        element("volume", element("name", name), *size, element("target", element("format", type="raw")))
    )


def make_empty(host: HostConnection, disk: Disk, backing_path: str) -> None:
    """A volume as `disk` with nothing in it, on `backing_path` unless that is ""; one of its name goes.

    A copy that was begun and broke off may hold what the disk has discarded since. Raises NoCapacity.
    """
    with host.calling() as raw:
        pool = raw.storagePoolLookupByName(disk.pool)
        volumes.delete(pool, disk.name)
        volumes.patient(lambda: pool.createXML(_empty_xml(disk, backing_path), 0))


def _empty_xml(disk: Disk, backing_path: str) -> str:
    target = element("target", element("format", type=disk.format))
    if disk.format == "qcow2":
        target.append(element("compat", "1.1"))
    size = element("capacity", str(disk.capacity), unit="bytes"), element("allocation", "0")
    root = element("volume", element("name", disk.name), *size, target)
    if backing_path:
        root.append(element("backingStore", element("path", backing_path), element("format", type="qcow2")))
    return to_text(root)
