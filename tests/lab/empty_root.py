"""What a build of Debian asks of a kernel and of a systemd unit, without the packages: user ids and mounts.

Run by try_systemd in place of Vrabec, under the settings of Vrabec's own unit; prints what it saw.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from vrabec.integrations.images.commands import Tools
from vrabec.integrations.images.debian import PACKAGES
from vrabec.integrations.images.debian.namespace import inside, require
from vrabec.integrations.images.debian.root import remove

_SETUP = 'mkdir -p "$1/dev" "$1/etc" "$1/proc" "$1/sys"'
_LOOK = """\
set -e
chown 1:42 "$1/etc"
printf x >"$1/dev/null"
{ stat -c "owner %u:%g" "$1/etc"; id -u; grep " $1/" "$1/proc/self/mounts" | cut -d " " -f 3; } >"$1/seen"
"""
_MMDEBSTRAP = (
    "mmdebstrap", "--quiet", "--mode=root", "--variant=custom", "--skip=check/empty,update,cleanup",
    f"--setup-hook={_SETUP}", f"--customize-hook={_LOOK}",
)  # fmt: skip
_NO_MIRROR = "deb [trusted=yes] copy:/nowhere ./"


def main(directory: Path) -> None:
    """Make the empty root in `directory` and remove it. Raises HostError."""
    tools = Tools(directory, lambda: False, PACKAGES)
    require(tools)
    root = Path(tempfile.mkdtemp(prefix="empty-root-", dir=directory))
    try:
        tools.run(*inside(), *_MMDEBSTRAP, "", root, _NO_MIRROR)
        print(" ".join((root / "seen").read_text().split()))
    finally:
        remove(tools, root)


if __name__ == "__main__":
    main(Path("/var/lib/vrabec"))
