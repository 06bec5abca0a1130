"""The disk: a BIOS boot sector, one FAT partition with syslinux and the kernel, one ext4 partition for data.

No mount and no root: mtools writes FAT, mke2fs writes into a file, and the rest is put together here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.raw import MIB, SECTOR, insert

VIRTUAL_MIB = 96
_BOOT_START_MIB, _BOOT_MIB = 1, 47
_DATA_START_MIB = _BOOT_START_MIB + _BOOT_MIB
_MBR = Path("/usr/lib/syslinux/mbr/mbr.bin")
_FAT, _LINUX = 0x0E, 0x83
_TO_THE_END = 0xFFFFFFFF
_UUID = "74696e79-0000-4000-8000-000000000000"

COMMAND_LINE = " ".join((
    "quiet console=ttyS0 console=tty1",
    "scsi_mod.scan=sync",  # a CD-ROM with the seed is there when its driver is loaded: no waiting loop
    "cryptomgr.notests lsm= rcupdate.rcu_expedited=1",  # a quarter less CPU until the agent answers
    "no5lvl",  # emulated, page tables of five levels cost a tenth more CPU
    "no_timer_check",  # a crowded host emulates timers too late for this check, which then panics
))  # fmt: skip
_SYSLINUX = f"DEFAULT tiny\nPROMPT 0\nLABEL tiny\n LINUX vmlinuz\n INITRD initrd\n APPEND {COMMAND_LINE}\n"


@dataclass(frozen=True)
class Content:
    """What the boot partition holds."""

    kernel: Path
    initramfs: Path


def write(tools: Tools, content: Content) -> Path:
    """Write the raw disk into the tools' folder."""
    raw = tools.folder / "tiny.raw"
    with raw.open("wb") as disk:
        disk.write(_boot_sector())
        disk.truncate(VIRTUAL_MIB * MIB)
    insert(raw, _BOOT_START_MIB, _boot_partition(tools, content))
    insert(raw, _DATA_START_MIB, _data_partition(tools))
    return raw


def _boot_sector() -> bytes:
    """The master boot record, with the data partition entered as large as can be.

    The kernel cuts it to the disk's end: a disk that has grown needs no new table, only a grown file system.
    """
    boot = _partition(0x80, _FAT, _BOOT_START_MIB * MIB // SECTOR, _BOOT_MIB * MIB // SECTOR)
    start = _DATA_START_MIB * MIB // SECTOR
    data = _partition(0, _LINUX, start, _TO_THE_END - start)
    return _MBR.read_bytes()[:440].ljust(446, b"\0") + boot + data + bytes(32) + b"\x55\xaa"


def _partition(flag: int, kind: int, start: int, sectors: int) -> bytes:
    anywhere = b"\xfe\xff\xff"  # "see the sector numbers": cylinders and heads end at 8 GB
    return struct.pack("<B3sB3sII", flag, anywhere, kind, anywhere, start, sectors)


def _boot_partition(tools: Tools, content: Content) -> Path:
    fat, sectors = tools.folder / "boot.fat", _BOOT_MIB * MIB // SECTOR
    config = tools.folder / "syslinux.cfg"
    config.write_text(_SYSLINUX)
    geometry = ("-T", str(sectors), "-h", "16", "-s", "63", "-H", str(_BOOT_START_MIB * MIB // SECTOR))
    tools.run("mformat", "-C", "-i", fat, *geometry, "-N", "74696e79", "-v", "TINY", "::")
    tools.run("syslinux", "--install", fat)
    for path, name in ((content.kernel, "vmlinuz"), (content.initramfs, "initrd"), (config, "syslinux.cfg")):
        tools.run("mcopy", "-i", fat, path, f"::{name}")
    return fat


def _data_partition(tools: Tools) -> Path:
    ext4, size_mib = tools.folder / "data.ext4", VIRTUAL_MIB - _DATA_START_MIB
    # room in the group table to grow to 1 TiB: with more, one step of growth outgrows so small a journal
    growth = f"resize={(1 << 40) // 4096},root_owner=0:0,nodiscard,hash_seed={_UUID}"
    # few inodes: growing by a gigabyte then writes one megabyte of tables
    tools.run("mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-i", "262144", "-m", "0", "-L", "tiny-data",
              "-U", _UUID, "-E", growth, ext4, f"{size_mib}m")  # fmt: skip
    return ext4
