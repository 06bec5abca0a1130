"""A lab that stands until it is taken down: hypervisor hosts with libvirtd, sshd and a shared folder.

usage: scripts/lab up N [--suite bookworm|trixie ...] | status | run COMMAND ... | down
One process, the keeper, holds it all; when it ends, however it ends, the hosts end. What a killed keeper
leaves on the disk goes at the next up, status or down.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

from tests.lab import labs, roots
from tests.lab.host import LabError, LabHost, missing
from tests.lab.switch import LabSwitch

STATE = Path("/run/vrabec-standing-lab.json")
UP_SECONDS, DOWN_SECONDS = 30, 30
STORAGE_MIB = 4096
_SSHD = shutil.which("sshd", path=labs.PATH)
_SSHD_CONFIG = """\
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM yes
PidFile none
"""


@dataclass(frozen=True)
class Host:
    """One host, as others reach it; the address counts in the lab's network."""

    name: str
    address: str
    socket: str


@dataclass(frozen=True)
class Lab:
    """A lab that stands, as written into STATE by its keeper."""

    keeper: int
    network: str
    folder: str
    hosts: list[Host]

    @property
    def shared(self) -> str:
        """The folder that every host has under the same path."""
        return f"{self.folder}/shared"


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser(
        description="Hypervisor hosts on this machine, until you take them down."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("up", "keep"):
        made = verbs.add_parser(verb)
        made.add_argument("count", type=int)
        made.add_argument(
            "--suite", action="append", choices=roots.SUITES, default=[],
            help="Debians of the hosts, in turns; without it they have this machine's own files",
        )  # fmt: skip
    verbs.add_parser("status")
    verbs.add_parser("run").add_argument("command", nargs=argparse.REMAINDER)
    verbs.add_parser("down")
    wish = parser.parse_args()
    try:
        {"up": up, "keep": keep, "status": status, "run": run, "down": down}[wish.verb](wish)
    except LabError as error:
        raise SystemExit(f"lab: {error}") from error


def up(wish: argparse.Namespace) -> None:
    """Start a keeper, and wait until its hosts answer."""
    if reason := missing() or (None if _SSHD else "lab hosts need sshd"):
        raise LabError(reason)
    if not 1 <= wish.count <= 20:
        raise LabError("from 1 to 20 hosts")
    if standing():
        raise LabError("one stands already; scripts/lab down takes it down")
    for suite in wish.suite:
        roots.hypervisor_root(suite)  # the first time takes minutes, which the keeper has not
    suites = [f"--suite={suite}" for suite in wish.suite]
    command = [sys.executable, "-m", "tests.lab.standing", "keep", str(wish.count), *suites]
    keeper = subprocess.Popen(
        command, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + UP_SECONDS + 5 * wish.count
    while not standing():
        if keeper.poll() is not None or time.monotonic() > end:
            keeper.terminate()
            raise LabError(f"it does not come up: {keeper.communicate()[1][-2000:]}")
        time.sleep(0.1)
    status(wish)


def keep(wish: argparse.Namespace) -> None:
    """Hold the hosts until a signal says that it is enough."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    with hosts(wish.count, wish.suite) as lab:
        draft = STATE.with_suffix(".new")
        draft.write_text(json.dumps(asdict(lab)))
        draft.replace(STATE)
        try:
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
        finally:
            STATE.unlink()


@contextmanager
def hosts(count: int, suites: Sequence[str] = ()) -> Iterator[Lab]:
    """So many hosts on a switch, of these Debians in turns; nothing is left of them afterwards."""
    files = cycle([roots.hypervisor_root(suite) for suite in suites] or [None])
    with ExitStack() as stack:
        switch = stack.enter_context(LabSwitch())
        folder = switch.directory
        (folder / "shared").mkdir()
        _keys(folder)
        _ip(switch, "address", "add", "10.77.0.254/24", "dev", "switch")
        found = []
        for number, root in zip(range(1, count + 1), files, strict=False):
            name = f"host{number}"
            host = LabHost(name, folder / name, storage_mib=STORAGE_MIB, switch=switch, root=root)
            stack.enter_context(host)
            host.run("mkdir", "-p", "/run/sshd")
            host.run(str(_SSHD), "-f", str(folder / "sshd_config"))
            found.append(Host(name, str(host.address), str(host.socket)))
        yield Lab(os.getpid(), switch.lab_name, str(folder), found)


def _keys(folder: Path) -> None:
    for name in ("key", "host_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", folder / name]
        subprocess.run(command, check=True)
    (folder / "sshd_config").write_text(_SSHD_CONFIG.format(folder=folder))
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"10.77.0.* {host_key}")


def _ip(switch: LabSwitch, *words: str) -> None:
    subprocess.run(["ip", "-n", switch.lab_name, *words], check=True)


def standing() -> Lab | None:
    """The lab that stands, or None; what a killed keeper left is removed."""
    try:
        told = json.loads(STATE.read_text())
    except FileNotFoundError:
        return None
    lab = Lab(**(told | {"hosts": [Host(**host) for host in told["hosts"]]}))
    if labs.is_stale(lab.network):
        labs.sweep()
        STATE.unlink(missing_ok=True)
        return None
    return lab


def status(wish: argparse.Namespace) -> None:
    """Say what stands, and how it is reached."""
    lab = standing()
    if lab is None:
        print("No lab stands. scripts/lab up 2 makes one.")
        return
    key = f"keyfile={lab.folder}/key&no_verify=1"
    for host in lab.hosts:
        print(f"{host.name}  {host.address}")
        print(f"  on this machine       qemu+unix:///system?socket={host.socket}")
        print(f"  in the lab's network  qemu+ssh://root@{host.address}/system?{key}")
    print(f"shared folder of all hosts: {lab.shared}")
    print("in the lab's network: scripts/lab run COMMAND ...")


def run(wish: argparse.Namespace) -> None:
    """Run a command in the lab's network, where 10.77.0.254 is this machine."""
    lab = standing()
    if lab is None:
        raise LabError("none stands; scripts/lab up 2 makes one")
    enter = ["nsenter", f"--net={labs.NETWORK_NAMESPACES / lab.network}"]
    raise SystemExit(subprocess.run([*enter, *wish.command], check=False).returncode)


def down(wish: argparse.Namespace) -> None:
    """End the keeper, and wait until nothing is left."""
    lab = standing()
    if lab is None:
        print("No lab stands.")
        return
    os.kill(lab.keeper, signal.SIGTERM)
    end = time.monotonic() + DOWN_SECONDS
    while labs.traces(lab.network) or STATE.exists():
        if time.monotonic() > end:
            raise LabError(f"still there: {', '.join(labs.traces(lab.network))}")
        time.sleep(0.1)
    print("Gone without a trace.")


if __name__ == "__main__":
    main()
