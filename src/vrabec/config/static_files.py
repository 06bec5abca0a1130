"""The files that pages load, gathered under hashed names: once for each state of their sources."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def gather_static_files() -> None:
    """Have STATIC_ROOT hold what the sources hold now; nothing is done when it does already."""
    made_from = Path(settings.STATIC_ROOT) / "made-from"
    wanted = _state_of_sources()
    if made_from.exists() and made_from.read_text() == wanted:
        return
    call_command("collectstatic", verbosity=0, interactive=False)
    made_from.write_text(wanted)


def _state_of_sources() -> str:
    """A digest of every source's path, size and time, and of what makes hashed files of them."""
    state = hashlib.sha256(f"{version('django')} {version('whitenoise')}".encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            about = Path(storage.path(path)).stat()
            state.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return state.hexdigest()
