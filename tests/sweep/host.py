"""A made-up hypervisor: a host is a directory, what it holds are files. Its functions are kill points.

What is made has a name of its own each time, so that whatever is made twice can be told.
"""

import uuid
from pathlib import Path


def find(host: str, name: str) -> list[str]:
    """What is there under this name."""
    return sorted(path.name for path in Path(host).glob(f"{name}.*"))


def make(host: str, name: str) -> None:
    """Make one more."""
    (Path(host) / f"{name}.{uuid.uuid4().hex}").touch()


def remove(host: str, found: str) -> None:
    """Remove what `find` found; it may be gone."""
    (Path(host) / found).unlink(missing_ok=True)
