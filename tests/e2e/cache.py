"""Templates are built once a machine: VRABEC_TEST_CACHE, or a folder in the user's cache, keeps them.

Copies, not links: tests remove files of the controller's store.
"""

import os
import shutil
from pathlib import Path

BUILT = "tiny-*.qcow2"


def folder() -> Path:
    """Where built templates are kept."""
    chosen = os.environ.get("VRABEC_TEST_CACHE", "")
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(usual) / "vrabec-test"


def lend_templates(store: Path) -> None:
    """Put what is kept into a controller's store: what it builds it then finds there."""
    for image in folder().glob(BUILT):
        shutil.copy2(image, store)


def keep_templates(store: Path) -> None:
    """Keep what the store has."""
    folder().mkdir(parents=True, exist_ok=True)
    kept = {image.name for image in folder().glob(BUILT)}
    for image in store.glob(BUILT):
        if image.name not in kept:
            draft = folder() / f".{image.name}.{os.getpid()}"
            shutil.copy2(image, draft)
            draft.replace(folder() / image.name)
