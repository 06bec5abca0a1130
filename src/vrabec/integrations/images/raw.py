"""Raw disks, put together in files: no mount, no loop device, no root."""

from __future__ import annotations

from pathlib import Path

MIB = 1 << 20
SECTOR = 512


def insert(raw: Path, start_mib: int, part: Path) -> None:
    """Copy a partition's file into a disk's; what is zero is left out, so that the file keeps its holes."""
    with part.open("rb") as source, raw.open("r+b") as disk:
        for position in range(0, part.stat().st_size, MIB):
            block = source.read(MIB)
            if block.strip(b"\0"):
                disk.seek(start_mib * MIB + position)
                disk.write(block)
