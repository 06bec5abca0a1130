"""The initramfs: a cpio archive in the kernel's "newc" format, written as root's without being root.

Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Entry:
    """One file, folder, link or device: its mode with type, its content (a link's: where it points)."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def file(path: str, content: bytes) -> Entry:
    """An ordinary file; what starts like a program may be run."""
    runs = content[:2] == b"#!" or content[:4] == b"\x7fELF"
    return Entry(path, stat.S_IFREG | (0o755 if runs else 0o644), content)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def folder(path: str) -> Entry:
    """An empty folder; those above a file need not be named."""
    return Entry(path, stat.S_IFDIR | 0o755)


def device(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))


def pack(entries: list[Entry]) -> bytes:
    """The archive: folders before what is in them, the same bytes for the same entries."""
    named = {parent: folder(parent) for entry in entries for parent in _parents(entry.path)}
    named |= {entry.path: entry for entry in entries}
    records = [_record(number, named[path]) for number, path in enumerate(sorted(named), start=1)]
    return b"".join([*records, _record(0, Entry("TRAILER!!!", 0))])


def _parents(path: str) -> Iterator[str]:
    return (str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")


def _record(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (
        number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, *entry.device, len(name), 0,
    )  # fmt: skip
    header = b"070701" + b"".join(b"%08X" % value for value in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
