"""The sizes a machine may be asked for by name. Custom amounts are always possible."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """One size: virtual CPUs, memory and disk."""

    name: str
    title: str
    cpus: int
    memory_mib: int
    disk_mib: int


SIZES = (
    Size("tiny", "Tiny", 1, 192, 1024),
    Size("small", "Small", 1, 512, 4 * 1024),
    Size("medium", "Medium", 2, 2048, 20 * 1024),
    Size("large", "Large", 4, 8192, 40 * 1024),
)
SIZE_OF = {size.name: size for size in SIZES}
