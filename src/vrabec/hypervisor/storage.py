"""Pools and volumes: directories and files, through libvirt alone.

libvirt keeps a list of a pool's volumes and learns of files that others made or removed by a refresh, which
reads every file's header: so a verb acts first, and refreshes only when the answer contradicts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import libvirt

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.hypervisor.spec import PoolInfo, VolumeInfo
from vrabec.hypervisor.xml import element, parse, to_text
from vrabec.lib.errors import Conflict, HostError, NotFound

CHUNK_BYTES = 256 * 1024
"""libvirt's own limit of one stream message since 1.2; larger ones are split."""
BUSY_LIMIT_S = 30
MIB = 1024 * 1024
_DIRECTORIES = ("dir", "fs", "netfs")
_BUSY = ("asynchronous jobs running", "still in use", "still being allocated")
_TORN_BYTES = MIB

T = TypeVar("T")


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


def _refresh(pool: Any) -> None:
    _patient(lambda: pool.refresh(0))


def _patient(call: Callable[[], T]) -> T:
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


# Volumes


def volume(host: HostConnection, pool: str, name: str) -> VolumeInfo | None:
    """A volume as it is on the disk now, None when there is none. Raises NotFound: no such pool."""
    with host.calling() as raw:
        found = _find(raw.storagePoolLookupByName(pool), name)
        return _volume_info(found) if found else None


def volume_names(host: HostConnection, pool: str) -> tuple[str, ...]:
    """The names of all volumes, after a refresh. Raises NotFound when the pool is missing."""
    with host.calling() as raw:
        found = raw.storagePoolLookupByName(pool)
        _refresh(found)
        return tuple(sorted(found.listVolumes()))


def _find(pool: Any, name: str) -> Any:
    """A volume whose file is there, None if there is none; refreshes when libvirt's list says otherwise."""
    if found := _lookup(pool, name):
        with suppress(libvirt.libvirtError):
            found.info()  # opens the file; fails when somebody removed it
            return found
    _refresh(pool)
    return _lookup(pool, name)


def _lookup(pool: Any, name: str) -> Any:
    try:
        return pool.storageVolLookupByName(name)
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            return None
        raise


def _volume_info(found: Any) -> VolumeInfo:
    root = parse(found.XMLDesc())
    _, capacity, allocation = found.info()
    kind = root.find("target/format")
    return VolumeInfo(
        name=found.name(),
        path=found.path(),
        capacity_mib=capacity // MIB,
        allocation_mib=allocation // MIB,
        format=kind.get("type", "") if kind is not None else "",
        backing_path=root.findtext("backingStore/path", ""),
    )


def clone(host: HostConnection, pool: str, name: str, base_path: str, capacity_mib: int) -> VolumeInfo:
    """A qcow2 volume on the qcow2 file `base_path`; the same one there already is success.

    Raises Conflict when another volume has the name, FileMissing when the base is not there, NoCapacity when
    the disk is full.
    """
    wanted = _CloneXml(name, base_path, capacity_mib)
    with host.calling() as raw:
        target = raw.storagePoolLookupByName(pool)
        made = _create(target, wanted.xml())
        if made is None:
            made = _existing_clone(target, wanted)
        return _volume_info(made)


def copy(host: HostConnection, pool: str, name: str, source_path: str, capacity_mib: int) -> VolumeInfo:
    """A qcow2 volume with all that `source_path` holds, backed by nothing; nothing may write there meanwhile.

    A volume of this name is made anew: whether a copy was cut short cannot be seen. Raises FileMissing,
    NoCapacity when the disk is full, Unavailable while an earlier call still copies.
    """
    with host.calling() as raw:
        target = raw.storagePoolLookupByName(pool)
        _delete(target, name)
        source = _volume_at(raw, target, source_path)
        wanted = _CloneXml(name, "", max(capacity_mib, source.info()[1] // MIB)).xml()
        made = _patient(lambda: target.createXMLFrom(wanted, source, 0))
        if made.info()[1] < capacity_mib * MIB:  # qemu-img convert keeps the source's size
            made.resize(capacity_mib * MIB, 0)
        return _volume_info(made)


def _volume_at(raw: Any, pool: Any, path: str) -> Any:
    try:
        return raw.storageVolLookupByPath(path)
    except libvirt.libvirtError as error:
        if not has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            raise
    _refresh(pool)
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


def _create(pool: Any, xml: str) -> Any:
    """Make a volume; None when something has its name or its file's place already."""
    try:
        return _patient(lambda: pool.createXML(xml, 0))
    except libvirt.libvirtError as error:
        if has_code(error, libvirt.VIR_ERR_STORAGE_VOL_EXIST) or "already exists" in str(error):
            return None
        raise


def _existing_clone(pool: Any, wanted: _CloneXml) -> Any:
    """The volume in the way, if it is what we would have made; a torn one is made again."""
    found = _find(pool, wanted.name)
    if found is None:  # only libvirt's list had it
        return pool.createXML(wanted.xml(), 0)
    info = _volume_info(found)
    if (info.format, info.backing_path, info.capacity_mib) == (
        "qcow2",
        wanted.base_path,
        wanted.capacity_mib,
    ):
        return found
    if info.format != "qcow2" and found.info()[2] < _TORN_BYTES:  # libvirtd died under qemu-img
        _patient(lambda: found.delete(0))
        return pool.createXML(wanted.xml(), 0)
    raise Conflict("Another volume has the name %(volume)s in the host's pool.", volume=wanted.name)


def grow(host: HostConnection, pool: str, name: str, capacity_mib: int) -> VolumeInfo:
    """Make a volume that nothing runs on larger; as large already is success. Raises NotFound, NoCapacity."""
    with host.calling() as raw:
        found = _find(raw.storagePoolLookupByName(pool), name)
        if found is None:
            raise NotFound("There is no volume %(volume)s in the host's pool.", volume=name)
        if found.info()[1] < capacity_mib * MIB:
            _patient(lambda: found.resize(capacity_mib * MIB, 0))
        return _volume_info(found)


def delete_volume(host: HostConnection, pool: str, name: str) -> None:
    """Delete a volume and its file; not there, or no pool, is success."""
    with host.calling() as raw:
        target = _find_pool(raw, pool)
        if target is not None:
            _delete(target, name)


def _delete(pool: Any, name: str) -> None:
    found = _lookup(pool, name) or _find(pool, name)
    if found is None:
        return
    try:
        _patient(lambda: found.delete(0))
    except libvirt.libvirtError as error:
        if not has_code(error, libvirt.VIR_ERR_NO_STORAGE_VOL):
            raise


# Uploads and downloads


@dataclass(frozen=True)
class Upload:
    """Bytes on their way into a volume; `progress` is told how many have gone, and may raise to stop."""

    name: str
    data: BinaryIO
    size_bytes: int
    format: str = "raw"
    progress: Callable[[int], None] | None = None


def upload(  # noqa: PLR0913
    host: HostConnection,
    pool: str,
    name: str,
    data: BinaryIO,
    size_bytes: int,
    *,
    progress: Callable[[int], None] | None = None,
    format: str = "raw",  # noqa: A002
) -> VolumeInfo:
    """Put `size_bytes` of `data` into a new volume; one of this name is replaced, unless others build on it.

    A volume that others build on was whole when they were made: it stays. Raises NoCapacity when the disk is
    full, HostError when the data ends early, and what `progress` raises; then no volume is left behind.
    """
    wanted = Upload(name, data, size_bytes, format, progress)
    with host.calling() as raw:
        target = raw.storagePoolLookupByName(pool)
        made = _create(target, _upload_xml(wanted))
        if made is None:
            kept = _replaceable(target, name)
            if kept is not None:
                return _volume_info(kept)
            made = _patient(lambda: target.createXML(_upload_xml(wanted), 0))
        try:
            _send(raw, made, wanted)
        except BaseException:
            with suppress(libvirt.libvirtError):
                _delete(target, name)
            raise
        return _volume_info(made)


def _replaceable(pool: Any, name: str) -> Any:
    """Delete the volume of this name; return it instead when another is backed by it."""
    found = _find(pool, name)
    if found is None:
        return None
    path = found.path()
    for other in pool.listAllVolumes():
        with suppress(libvirt.libvirtError):  # gone since
            if parse(other.XMLDesc()).findtext("backingStore/path") == path:
                return found
    _delete(pool, name)
    return None


def _upload_xml(wanted: Upload) -> str:
    # All room is taken at once: a full disk says so before the first byte, not after the last.
    root = element(
        "volume",
        element("name", wanted.name),
        element("capacity", str(wanted.size_bytes), unit="bytes"),
        element("allocation", str(wanted.size_bytes), unit="bytes"),
        element("target", element("format", type=wanted.format)),
    )
    return to_text(root)


def _send(raw: Any, made: Any, wanted: Upload) -> None:
    stream = raw.newStream(0)
    made.upload(stream, 0, wanted.size_bytes, 0)
    try:
        sent = 0
        while chunk := wanted.data.read(min(CHUNK_BYTES, wanted.size_bytes - sent)):
            _send_all(stream, chunk)
            sent += len(chunk)
            if wanted.progress:
                wanted.progress(sent)
        if sent != wanted.size_bytes:
            raise HostError(
                "The data ended after %(sent)s of %(size)s bytes.", sent=sent, size=wanted.size_bytes
            )
        stream.finish()
    except BaseException:
        with suppress(libvirt.libvirtError):
            stream.abort()
        raise


def _send_all(stream: Any, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[stream.send(bytes(view)) :]


def download(host: HostConnection, pool: str, name: str, most_bytes: int) -> bytes | None:
    """What a volume holds, or the first `most_bytes` of it; None when there is none."""
    with host.calling() as raw:
        found = _find(raw.storagePoolLookupByName(pool), name)
        return _receive(raw, found, most_bytes) if found else None


def _receive(raw: Any, found: Any, most_bytes: int) -> bytes:
    stream = raw.newStream(0)
    found.download(stream, 0, most_bytes, 0)
    try:
        data = bytearray()
        while chunk := stream.recv(CHUNK_BYTES):
            data += chunk
        stream.finish()
    except BaseException:
        with suppress(libvirt.libvirtError):
            stream.abort()
        raise
    return bytes(data)
