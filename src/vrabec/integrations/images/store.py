"""The controller's folder of finished images, found again by what went into them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.packages import Package

Progress = Callable[[int, str], None]
"""Told the percentage and what is done now."""


@dataclass(frozen=True)
class Image:
    """A finished qcow2 file."""

    path: Path
    sha256: str
    size_bytes: int
    virtual_size_bytes: int


def key(recipe: Path, packages: tuple[Package, ...], more: str = "") -> str:
    """Twelve hexadecimal digits that stand for the recipe (a builder's folder), the packages and `more`."""
    digest = hashlib.sha256(json.dumps([[p.name, p.version] for p in packages]).encode() + more.encode())
    for path in sorted(p for p in recipe.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        digest.update(f"\0{path.relative_to(recipe)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def keep(tools: Tools, result: Path, target: Path) -> None:
    """Put a finished file in its place: whole on the disk, or not at all. Raises Cancelled."""
    with result.open("rb") as file:
        os.fsync(file.fileno())
    tools.check()
    os.replace(result, target)


def read_image(path: Path) -> Image:
    """What a finished file is."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(24)  # the qcow2 header's virtual size, big-endian
        [virtual_size_bytes] = struct.unpack(">Q", file.read(8))
    return Image(path, sha256, path.stat().st_size, virtual_size_bytes)


@contextmanager
def alone(lock: Path, tools: Tools) -> Iterator[None]:
    """One build at a time: the second finds the first one's image. The lock dies with us."""
    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                tools.check()
                time.sleep(0.2)
        yield
