"""Names of what the lab makes on this machine, and the sweep of what killed test runs left there.

A name carries its owner: `vrabec-lab-<pid namespace>-<pid>-<start time of that pid>-<number>`. So parallel
test runs never collide, a pid that was given to another process is not taken for the owner, and a run in a
container that this machine sees from outside is never swept from here.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "vrabec-lab"
NAME = re.compile(rf"{PREFIX}-(\d+)-(\d+)-(\d+)-\d+")
NETWORK_NAMESPACES = Path("/run/netns")
PATH = f"{os.defpath}:/usr/sbin:/sbin"
OURS = ("unshare", "tini", "libvirtd")  # a shell or an editor may well have a lab's name among its arguments
_numbers = itertools.count()


def new_name() -> str:
    """A name on this machine that nobody else uses while this process lives."""
    pid = os.getpid()
    return f"{PREFIX}-{_pid_namespace()}-{pid}-{_start_time(pid)}-{next(_numbers)}"


def directory_of(name: str) -> Path:
    """Where the temporary files of this name belong, if it has any; `remove` and the sweep look there."""
    return Path(tempfile.gettempdir()) / name


def is_stale(name: str) -> bool:
    """Whether this is the name of something of ours whose owner is gone."""
    match = NAME.fullmatch(name)
    if match is None or match[1] != _pid_namespace():
        return False
    return _start_time(int(match[2])) != int(match[3])


def sweep() -> list[str]:
    """Remove what dead test runs left, and return its names; what has a live owner is not touched."""
    stale = sorted({name for name in _names_seen() if is_stale(name)})
    for name in (*stale, *stale):  # twice: the folder of one may hold a mount of another
        remove(name)
    return stale


def remove(name: str) -> None:
    """Remove every process, mount, directory and network namespace of this name."""
    for pid in _processes(name):
        _kill(pid)
    for mount in _mounts(name):
        subprocess.run(["umount", "--lazy", str(mount)], check=False, capture_output=True)
        shutil.rmtree(mount.parent, ignore_errors=True)
    for path in _paths(name):
        if path.parent == NETWORK_NAMESPACES:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
        else:
            shutil.rmtree(path, ignore_errors=True)


def traces(name: str) -> list[str]:
    """What exists on this machine under this name: for asserting that nothing does."""
    return [str(trace) for trace in (*_processes(name), *_mounts(name), *_paths(name))]


def _pid_namespace() -> str:
    return str(Path("/proc/self/ns/pid").stat().st_ino)


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process (proc(5), field 22 of stat), None if it is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()  # from field 3 on
    return None if state in "ZX" else int(fields[18])  # a killed run may stay a zombie for long


def _names_seen() -> Iterator[str]:
    yield from (source for source, _ in _mount_table())
    yield from (path.name for folder in _folders() for path in folder.glob(f"{PREFIX}-*"))
    for _, arguments in _command_lines():
        yield from arguments.replace("/", "\0").split("\0")


def _folders() -> tuple[Path, Path]:
    return NETWORK_NAMESPACES, Path(tempfile.gettempdir())


def _paths(name: str) -> list[Path]:
    return [folder / name for folder in _folders() if (folder / name).exists()]


def _mount_table() -> Iterator[tuple[str, Path]]:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        source, target, *_ = line.split(" ")
        yield source, Path(target.encode().decode("unicode_escape"))


def _mounts(name: str) -> list[Path]:
    return [target for source, target in _mount_table() if source == name]


def _command_lines() -> Iterator[tuple[int, str]]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "comm").read_text().strip() in OURS:
                yield int(path.name), (path / "cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue


def _processes(name: str) -> list[int]:
    whole = re.compile(rf"{name}(?!\d)")
    return [pid for pid, arguments in _command_lines() if whole.search(arguments)]


def _kill(pid: int, timeout_s: float = 5) -> None:
    """Kill a process and wait until it is gone: its mounts are busy until then."""
    try:
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + timeout_s
        while _start_time(pid) is not None and time.monotonic() < deadline:
            time.sleep(0.01)
    except (ProcessLookupError, PermissionError):  # gone, or another user's: theirs to sweep
        return
