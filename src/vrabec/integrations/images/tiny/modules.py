"""Picks kernel modules with what they depend on, and writes the indexes that modprobe reads."""

from __future__ import annotations

import lzma
import re
from pathlib import Path

WANTED = (
    # the bus and its devices: disk, network, agent's port, random numbers, memory statistics, SCSI
    "virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "virtio_balloon", "virtio_scsi",
    # CD-ROMs and disks on the old IDE of machine type pc, on SATA where this kernel has the driver, on SCSI
    "ata_piix", "ahci", "sr_mod", "sd_mod", "isofs",
    # the power button, and how it reaches acpid
    "button", "evdev",
    "ext4",
)  # fmt: skip

_SIGNATURE = b"~Module signature appended~\n"


def pick(folder: Path) -> dict[str, bytes]:
    """Files by path below `folder` (one kernel's modules): those wanted, modules.dep and modules.alias.

    A name that is not there as a file is built into this kernel, or not made for it: neither is an error.
    """
    files = {_name(path): path for path in folder.rglob("*.ko*")}
    contents: dict[str, bytes] = {}
    order: dict[str, list[str]] = {}
    waiting = [name for name in WANTED if name in files]
    while waiting:
        name = waiting.pop()
        if name not in contents:
            contents[name] = _content(files[name])
            order[name] = [need for need in _needs(contents[name]) if need in files]
            waiting += order[name]
    result = {f"{name}.ko": content for name, content in sorted(contents.items())}
    result["modules.dep"] = "".join(_line(name, order) for name in sorted(order)).encode()
    result["modules.alias"] = _aliases(contents).encode()
    return result


def _line(name: str, order: dict[str, list[str]]) -> str:
    """One line of modules.dep: the module, then all it needs, the nearest first."""
    needs: list[str] = []
    waiting = list(order[name])
    while waiting:
        need = waiting.pop(0)
        needs = [other for other in needs if other != need] + [need]
        waiting += order[need]
    return f"{name}.ko:{''.join(f' {need}.ko' for need in needs)}\n"


def _aliases(contents: dict[str, bytes]) -> str:
    pairs = [(alias, name) for name, content in contents.items() for alias in _values(content, "alias")]
    return "".join(f"alias {alias} {name}\n" for alias, name in sorted(pairs))


def _values(content: bytes, key: str) -> list[str]:
    """All values of `key` in a module's .modinfo section, which is a row of NUL-ended key=value."""
    found = re.findall(rb"(?<![ -~])" + key.encode() + rb"=([^\0]*)\0", content)
    return [text.decode() for text in found]


def _needs(content: bytes) -> list[str]:
    names = ",".join(_values(content, "depends")).split(",")
    return [name.replace("-", "_") for name in names if name]


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")
