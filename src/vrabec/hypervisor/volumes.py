"""One volume of a pool, on libvirt's own objects, inside `calling()`: what storage and transfer share."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import libvirt

from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.spec import VolumeInfo
from vrabec.hypervisor.xml import parse

BUSY_LIMIT_S = 30
MIB = 1024 * 1024
_BUSY = ("asynchronous jobs running", "still in use", "still being allocated")

T = TypeVar("T")


def find(pool: Any, name: str) -> Any:
    """A volume whose file is there, None if there is none; refreshes when libvirt's list says otherwise."""
    if found := _lookup(pool, name):
        with suppress(libvirt.libvirtError):
            found.info()  # opens the file; fails when somebody removed it
            return found
    refresh(pool)
    return _lookup(pool, name)


def _lookup(pool: Any, name: str) -> Any:
    try:
        return pool.storageVolLookupByName(name)
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            return None
        raise


def info(found: Any) -> VolumeInfo:
    """What libvirt says of a volume now, by one question: its description is in bytes."""
    root = parse(found.XMLDesc())
    kind = root.find("target/format")
    return VolumeInfo(
        name=found.name(),
        path=root.findtext("target/path", ""),
        capacity_mib=int(root.findtext("capacity", "0")) // MIB,
        allocation_mib=int(root.findtext("allocation", "0")) // MIB,
        format=kind.get("type", "") if kind is not None else "",
        backing_path=root.findtext("backingStore/path", ""),
    )


def create(pool: Any, xml: str) -> Any:
    """Make a volume; None when something has its name or its file's place already."""
    try:
        return patient(lambda: pool.createXML(xml, 0))
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_STORAGE_VOL_EXIST) or "already exists" in str(error):
            return None
        raise


def delete(pool: Any, name: str) -> None:
    """Delete a volume and its file; not there is success."""
    found = _lookup(pool, name) or find(pool, name)
    if found is None:
        return
    try:
        patient(lambda: found.delete(0))
    except libvirt.libvirtError as error:
        if not has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            raise


def refresh(pool: Any) -> None:
    """Let libvirt look which files are there."""
    patient(lambda: pool.refresh(0))


def patient(call: Callable[[], T]) -> T:
    """Repeat what libvirt refuses while it still makes, reads or closes a volume of the pool."""
    deadline = time.monotonic() + BUSY_LIMIT_S
    pause_s = 0.02
    while True:
        try:
            return call()
        except libvirt.libvirtError as error:
            if time.monotonic() > deadline or not any(words in str(error) for words in _BUSY):
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.5)
