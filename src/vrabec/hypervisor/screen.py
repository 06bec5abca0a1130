"""What a machine's screen shows now, as a PNG file."""

from __future__ import annotations

import struct
import zlib

from vrabec.hypervisor.connection import HostConnection
from vrabec.lib.errors import HostError

MOST_BYTES = 64 * 2**20
_PNG = b"\x89PNG\r\n\x1a\n"
_PALETTE = 256
"""The most colours that it has."""


def picture(host: HostConnection, uuid: str, *, most_wide: int = 800) -> bytes:
    """The first screen, every n-th pixel of it where it is wider than this. Raises NotFound, HostError.

    QEMU sends a PPM file, libvirt's test driver a PNG, which is left as it is.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        stream = raw.newStream()
        domain.screenshot(stream, 0)
        data = bytearray()
        try:
            stream.recvAll(_collect, data)
        except RuntimeError as error:  # the binding's, when our handler says enough: it has ended the stream
            raise HostError("The picture of the screen is too large.", raw=repr(error)) from error
        stream.finish()
    return bytes(data) if data.startswith(_PNG) else png_of(bytes(data), most_wide)


def _collect(_stream: object, chunk: bytes, data: bytearray) -> int:
    data.extend(chunk)
    return -1 if len(data) > MOST_BYTES else 0


def png_of(ppm: bytes, most_wide: int) -> bytes:
    """A PNG of a binary PPM with one byte a colour (https://netpbm.sourceforge.net/doc/ppm.html)."""
    words = ppm[:64].split(maxsplit=4)
    if len(words) < 4 or words[0] != b"P6" or words[3] != b"255" or not (words[1] + words[2]).isdigit():
        raise HostError("The host sent a picture of a kind that Vrabec cannot read.", raw=repr(ppm[:32]))
    width, height = int(words[1]), int(words[2])
    head = len(b" ".join(words[:4])) + 1
    if not 0 < 3 * width * height <= len(ppm) - head:
        raise HostError("The host sent a part of a picture alone: try again.", raw=f"{len(ppm)} bytes")
    pixels = ppm[len(ppm) - 3 * width * height :]
    step = -(-width // most_wide)
    rows = [_thinned(pixels[3 * width * at : 3 * width * (at + 1)], step) for at in range(0, height, step)]
    return _png(len(rows[0]) // 3, rows)


def _thinned(row: bytes, step: int) -> bytes:
    """Every `step`-th pixel."""
    kept = bytearray(3 * -(-len(row) // (3 * step)))
    for colour in range(3):
        kept[colour::3] = row[colour :: 3 * step]
    return bytes(kept)


def _png(width: int, rows: list[bytes]) -> bytes:
    """Format: https://www.w3.org/TR/png-3, no filter; a palette where it does, as text has few colours."""
    colours = sorted({row[at : at + 3] for row in rows for at in range(0, 3 * width, 3)})
    is_indexed = len(colours) <= _PALETTE
    if is_indexed:
        number = {colour: index for index, colour in enumerate(colours)}
        rows = [bytes(number[row[at : at + 3]] for at in range(0, 3 * width, 3)) for row in rows]
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3 if is_indexed else 2, 0, 0, 0)
    palette = _chunk(b"PLTE", b"".join(colours)) if is_indexed else b""
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return _PNG + _chunk(b"IHDR", head) + palette + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
