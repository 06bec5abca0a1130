"""The disk: GPT, GRUB for BIOS in a partition of its own, an EFI system partition, and the root to the end.

Formats: UEFI specification 2.10, chapter 5 (GPT); GRUB's include/grub/i386/pc/boot.h and boot/i386/pc/*.S.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian.root import Boot
from vrabec.integrations.images.raw import MIB, SECTOR, insert
from vrabec.lib.errors import HostError

VIRTUAL_MIB = 2048
BIOS_START_MIB, ESP_START_MIB, ROOT_START_MIB = 1, 2, 64
ROOT_MIB = VIRTUAL_MIB - ROOT_START_MIB - 1  # the table's copy lies at the disk's end
_SECTORS = VIRTUAL_MIB * MIB // SECTOR
_ENTRIES, _ENTRY_BYTES = 128, 128
_TABLE_SECTORS = _ENTRIES * _ENTRY_BYTES // SECTOR
_DISK_ID = uuid.UUID("64656269-616e-4000-8000-000000000001")
_KERNEL_SECTOR, _DRIVE_CHECK = 0x5C, 0x66  # in boot.img
_CODE_BYTES = 440
_FAT32_CODE = 90  # where it begins in the first sector


@dataclass(frozen=True)
class Partition:
    """One partition; `kind` is its type's GUID."""

    kind: str
    name: str
    start_mib: int
    size_mib: int


PARTITIONS = (
    Partition("21686148-6449-6e6f-744e-656564454649", "bios", BIOS_START_MIB, ESP_START_MIB - BIOS_START_MIB),
    Partition("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "esp", ESP_START_MIB, ROOT_START_MIB - ESP_START_MIB),
    Partition("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "root", ROOT_START_MIB, ROOT_MIB),
)


def write(tools: Tools, boot: Boot, root: Path) -> Path:
    """Write the raw disk into the tools' folder; `root` is a file system of ROOT_MIB."""
    raw = tools.folder / "debian.raw"
    with raw.open("wb") as disk:
        disk.write(boot_sector(boot.sector))
        disk.write(header(1, _SECTORS - 1, 2) + entries())
        disk.seek(BIOS_START_MIB * MIB)
        disk.write(core(boot.core))
        disk.seek((_SECTORS - 1 - _TABLE_SECTORS) * SECTOR)
        disk.write(entries() + header(_SECTORS - 1, 1, _SECTORS - 1 - _TABLE_SECTORS))
    insert(raw, ESP_START_MIB, _esp(tools, boot.efi))
    insert(raw, ROOT_START_MIB, root)
    return raw


def boot_sector(code: bytes) -> bytes:
    """GRUB's first sector, which loads the core, and the table that keeps others off a disk with GPT."""
    sector = bytearray(code[:_CODE_BYTES].ljust(446, b"\0"))
    struct.pack_into("<Q", sector, _KERNEL_SECTOR, BIOS_START_MIB * MIB // SECTOR)
    sector[_DRIVE_CHECK : _DRIVE_CHECK + 2] = (
        b"\x90\x90"  # as grub-install does: some BIOSes say a wrong drive
    )
    whole = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, _SECTORS - 1)
    return bytes(sector) + whole + bytes(48) + b"\x55\xaa"


def core(image: bytes) -> bytes:
    """GRUB's core, whose first sector is told where the others lie. Raises HostError when it is too large."""
    if len(image) > (ESP_START_MIB - BIOS_START_MIB) * MIB:
        raise HostError("Debian's boot loader is larger than its partition")
    patched = bytearray(image)
    # the last twelve bytes of the sector: first sector (8), how many (2, known already), segment (2)
    struct.pack_into("<Q", patched, SECTOR - 12, BIOS_START_MIB * MIB // SECTOR + 1)
    return bytes(patched)


def entries() -> bytes:
    """The table of partitions."""
    used = b"".join(_entry(number, partition) for number, partition in enumerate(PARTITIONS, start=2))
    return used.ljust(_ENTRIES * _ENTRY_BYTES, b"\0")


def _entry(number: int, partition: Partition) -> bytes:
    own = uuid.UUID(int=_DISK_ID.int + number - 1)
    first = partition.start_mib * MIB // SECTOR
    last = first + partition.size_mib * MIB // SECTOR - 1
    name = partition.name.encode("utf-16-le").ljust(72, b"\0")
    return uuid.UUID(partition.kind).bytes_le + own.bytes_le + struct.pack("<QQQ", first, last, 0) + name


def header(here: int, other: int, table: int) -> bytes:
    """A GPT header for sector `here`, whose copy lies in `other` and whose entries begin at `table`."""
    first, last = 2 + _TABLE_SECTORS, _SECTORS - 2 - _TABLE_SECTORS
    fields = (
        here,
        other,
        first,
        last,
        _DISK_ID.bytes_le,
        table,
        _ENTRIES,
        _ENTRY_BYTES,
        zlib.crc32(entries()),
    )

    def packed(checksum: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, *fields)

    return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def _esp(tools: Tools, efi: Path) -> Path:
    """The EFI system partition: FAT32, with GRUB under the name that every firmware looks for."""
    fat, sectors = tools.folder / "esp.fat", PARTITIONS[1].size_mib * MIB // SECTOR
    geometry = ("-T", str(sectors), "-h", "16", "-s", "63", "-H", str(ESP_START_MIB * MIB // SECTOR))
    tools.run("mformat", "-C", "-i", fat, "-F", "-c", "1", *geometry, "-N", "64656269", "-v", "EFI", "::")
    tools.run("mmd", "-i", fat, "::EFI", "::EFI/BOOT")
    tools.run("mcopy", "-i", fat, efi, "::EFI/BOOT/BOOTX64.EFI")
    with fat.open(
        "r+b"
    ) as file:  # mtools' boot program, of no use here, looks to GRUB like a partition table
        file.seek(_FAT32_CODE)
        file.write(bytes(SECTOR - 2 - _FAT32_CODE))
    return fat
