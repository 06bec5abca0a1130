"""Processes and what comes from them, by proc(5)."""

from contextlib import suppress
from pathlib import Path


def children_of(pid: int | str) -> set[int]:
    """The children of a process, "self" for this one; whichever of its threads started them."""
    found: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found |= {int(child) for child in listing.read_text().split()}
    return found


def arguments_of(pid: int) -> list[str]:
    """How a process was started, [] when it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    return []
