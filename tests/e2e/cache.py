"""Templates are built once a machine, and kept beside what else takes long to make.

Copies, not links: tests remove files of the controller's store.
"""

import os
import shutil
from pathlib import Path

from tests.lab.kept import folder

BUILT = "tiny-*.qcow2"


def lend_templates(store: Path) -> None:
    """Put what is kept into a controller's store: what it builds it then finds there."""
    for image in folder().glob(BUILT):
        shutil.copy2(image, store)


def keep_templates(store: Path) -> None:
    """Keep what the store has."""
    kept = {image.name for image in folder().glob(BUILT)}
    for image in store.glob(BUILT):
        if image.name not in kept:
            draft = folder() / f".{image.name}.{os.getpid()}"
            shutil.copy2(image, draft)
            draft.replace(folder() / image.name)
