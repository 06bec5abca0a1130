"""Bytes into volumes and out of them, through libvirt's streams: no file of a host is opened here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import libvirt

from vrabec.hypervisor import volumes
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import VolumeInfo
from vrabec.hypervisor.xml import element, parse, to_text
from vrabec.lib.errors import HostError

CHUNK_BYTES = 256 * 1024
"""libvirt's own limit of one stream message since 1.2; larger ones are split."""


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
        made = volumes.create(target, _upload_xml(wanted))
        if made is None:
            kept = _replaceable(target, name)
            if kept is not None:
                return volumes.info(kept)
            made = volumes.patient(lambda: target.createXML(_upload_xml(wanted), 0))
        try:
            _send(raw, made, wanted)
        except BaseException:
            with suppress(libvirt.libvirtError):
                volumes.delete(target, name)
            raise
        return volumes.info(made)


def _replaceable(pool: Any, name: str) -> Any:
    """Delete the volume of this name; return it instead when another is backed by it."""
    found = volumes.find(pool, name)
    if found is None:
        return None
    path = found.path()
    for other in pool.listAllVolumes():
        with suppress(libvirt.libvirtError):  # gone since
            if parse(other.XMLDesc()).findtext("backingStore/path") == path:
                return found
    volumes.delete(pool, name)
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
    with _stream(raw) as stream:
        made.upload(stream, 0, wanted.size_bytes, 0)
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


def _send_all(stream: Any, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[stream.send(bytes(view)) :]


def download(host: HostConnection, pool: str, name: str, most_bytes: int) -> bytes | None:
    """What a volume holds, or the first `most_bytes` of it; None when there is none."""
    with host.calling() as raw:
        found = volumes.find(raw.storagePoolLookupByName(pool), name)
        return _receive(raw, found, most_bytes) if found else None


def _receive(raw: Any, found: Any, most_bytes: int) -> bytes:
    data = bytearray()
    with _stream(raw) as stream:
        found.download(stream, 0, most_bytes, 0)
        while chunk := stream.recv(CHUNK_BYTES):
            data += chunk
    return bytes(data)


@contextmanager
def _stream(raw: Any) -> Iterator[Any]:
    """A stream of libvirt's: finished at the end of the body, given up when that or the finish fails."""
    stream = raw.newStream(0)
    try:
        yield stream
        stream.finish()
    except BaseException:
        with suppress(libvirt.libvirtError):
            stream.abort()
        raise
