"""Root without being root: user, mount and process namespaces in which our user is root and owns other ids.

Debian's maintainer scripts need a root and several user ids. newuidmap gives our user those that /etc/subuid
says are its own. When the first process is killed, everything inside ends, and its mounts are gone.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from vrabec.integrations.images.commands import PATH, Tools
from vrabec.lib.errors import HostError

_SUBIDS = (Path("/etc/subuid"), Path("/etc/subgid"))
_LEAST_IDS = 65536


def inside() -> tuple[str, ...]:
    """The words before a command that make it run as root in there; it dies with us."""
    ids = () if os.geteuid() == 0 else ("--user", "--map-root-user", "--map-auto")
    # files of a Debian are for all its users, whatever our service says of ours
    shell = ("sh", "-c", 'umask 022 && exec "$@"', "sh")
    return ("setpriv", "--pdeathsig", "KILL", "unshare", *ids, "--mount", "--pid", "--kill-child", *shell)


def require(tools: Tools) -> None:
    """Raise HostError where no namespace can be had, with what to do about it."""
    if problem := lacking(tools.packages):
        raise problem
    tools.run(*inside(), "true", failure=_forbidden())


def lacking(packages: tuple[str, ...]) -> HostError | None:
    """What is missing on the controller, without trying; None when nothing is."""
    if not shutil.which("mmdebstrap", path=PATH) or not (os.geteuid() == 0 or shutil.which("newuidmap")):
        return HostError(
            "The controller cannot build Debian yet: apt-get install %(packages)s",
            packages=" ".join(packages),
        )
    if os.geteuid() != 0 and not all(_has_ids(path) for path in _SUBIDS):
        return HostError(
            "User %(user)s has no further user ids to build with: as root, "
            "usermod --add-subuids 300000-365535 --add-subgids 300000-365535 %(user)s",
            user=_user(),
        )
    return None


def _forbidden() -> HostError:
    return HostError(
        "User %(user)s may not be root in a namespace of its own: allow it by "
        "sysctl kernel.unprivileged_userns_clone=1 and NoNewPrivileges=no in Vrabec's systemd unit",
        user=_user(),
    )


def _has_ids(path: Path) -> bool:
    """Whether a file such as /etc/subuid, lines of user:first:count, gives our user enough."""
    try:
        lines = [line.split(":") for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return False
    ours = {_user(), str(os.geteuid())}
    return any(len(line) == 3 and line[0] in ours and int(line[2]) >= _LEAST_IDS - 1 for line in lines)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
