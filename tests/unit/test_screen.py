"""Pictures of screens: from PPM to PNG."""

import struct
import zlib

import pytest

from vrabec.hypervisor.screen import png_of
from vrabec.lib.errors import HostError

RED, GREEN, BLUE, BLACK = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\0\0\0"


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and rows in full colour, each behind its filter byte; the check sums are looked at."""
    at, parts = 8, {}
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        parts[kind] = data = png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + data)
        at += 12 + length
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    body, palette = zlib.decompress(parts[b"IDAT"]), parts.get(b"PLTE")
    if palette is None:
        return width, height, body
    rows = [body[at + 1 : at + 1 + width] for at in range(0, len(body), width + 1)]
    full = (b"".join(palette[3 * index : 3 * index + 3] for index in row) for row in rows)
    return width, height, b"".join(b"\0" + row for row in full)


def test_a_small_picture_keeps_every_pixel() -> None:
    png = png_of(b"P6\n2 2\n255\n" + RED + GREEN + BLUE + BLACK, 800)
    assert pixels(png) == (2, 2, b"\0" + RED + GREEN + b"\0" + BLUE + BLACK)


def test_a_wide_picture_loses_whole_pixels() -> None:
    rows = [RED + GREEN + BLUE, BLUE + BLUE + BLUE, BLACK + GREEN + RED]
    png = png_of(b"P6 3 3 255\n" + b"".join(rows), 2)
    assert pixels(png) == (2, 2, b"\0" + RED + BLUE + b"\0" + BLACK + RED)


@pytest.mark.parametrize("colours", [256, 257])
def test_few_colours_are_a_palette_and_many_are_kept(colours: int) -> None:
    row = b"".join(struct.pack(">HB", number, 7) for number in range(colours))
    png = png_of(b"P6 %d 1 255\n" % colours + row, 800)
    assert (b"PLTE" in png) == (colours == 256)
    assert pixels(png) == (colours, 1, b"\0" + row)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"P6 2 2 65535\n" + b"x" * 24, b"P6 a b 255\n"])
def test_another_kind_of_picture_is_refused(data: bytes) -> None:
    with pytest.raises(HostError, match="cannot read"):
        png_of(data, 800)


@pytest.mark.parametrize("data", [b"P6\n640 480\n255\n", b"P6\n0 2\n255\n", b"P6\n2 2\n255\n" + RED])
def test_a_part_of_a_picture_is_none(data: bytes) -> None:
    with pytest.raises(HostError, match="a part of a picture"):
        png_of(data, 800)
