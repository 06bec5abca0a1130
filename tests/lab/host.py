"""One hypervisor host in namespaces of this machine: real libvirtd, QEMU, NAT network; it can lose its power.

Its processes, mounts, network, host name, /dev and libvirt's directories are its own; the rest of the file
system is this machine's. Its network namespace is held by its processes alone, so it cannot outlive them.
"""

import errno
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from tests.lab import labs, settings
from tests.lab.switch import LabSwitch

INIT = Path(__file__).with_name("host_init.sh")
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un, see unix(7)
# The remote protocol's first call, AUTH_LIST: length, program, version, procedure, type, serial, status.
AUTH_LIST = struct.pack(">IIIiiIi", 28, 0x20008086, 1, 66, 0, 0, 0)
ENVIRONMENT = {"PATH": labs.PATH, "LANG": "C.UTF-8", "HOME": "/root"}
ZEROS = bytes(2**20)
TOOLS = ("libvirtd", "qemu-system-x86_64", "dnsmasq", "iptables", "ip", "tini", "unshare", "nsenter")


class LabError(Exception):
    """A lab host could not do what a test asked of it."""


def missing() -> str | None:
    """Why lab hosts cannot run here, or None."""
    if os.geteuid() != 0:
        return "lab hosts need root"
    tools = [tool for tool in TOOLS if shutil.which(tool, path=labs.PATH) is None]
    return f"lab hosts need {', '.join(tools)}" if tools else None


class LabHost:
    """A host that is switched on by `with`, and leaves nothing on this machine at its end.

    `directory` is the host's own: made here, removed by `close`. `storage_mib` is the size of the tmpfs that
    holds its /var/lib/libvirt (`storage`) with the pool "default" (`images`). Hosts on a `switch` reach each
    other by name and `address`, which is what a migration needs. `root` is another file system than this
    machine's (roots.py); `directory` must then lie below /tmp.
    """

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        storage_mib: int = 512,
        switch: LabSwitch | None = None,
        root: Path | None = None,
    ) -> None:
        self.name = name
        self.directory = directory.absolute()
        self.lab_name = labs.new_name()
        self.uuid: UUID = uuid4()
        self.storage = self.directory / "lib"
        self.images = self.storage / "images"
        self.socket = self.directory / "run/libvirt/libvirt-sock"
        self.uri = f"qemu+unix:///system?socket={self.socket}"
        self.address = switch.reserve(name) if switch else None
        self._storage_mib = storage_mib
        self._switch = switch
        self._root = root
        self._unshare: subprocess.Popen[str] | None = None
        if len(os.fsencode(self.socket)) > SOCKET_PATH_LIMIT:
            raise LabError(f"too long for a unix socket: {self.socket}")

    def __enter__(self) -> Self:
        labs.sweep()
        self.directory.mkdir(parents=True, exist_ok=True)
        if any(self.directory.iterdir()):
            raise LabError(f"{self.directory} is not empty, and close would remove it")
        try:
            self._install()
            self.power_on()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switch the host off and remove all of it."""
        self.power_loss()
        labs.remove(self.lab_name)
        shutil.rmtree(self.directory, ignore_errors=True)

    # Power

    def power_on(self) -> None:
        """Boot the host from the state that its directories hold, and wait until libvirt answers."""
        if self._unshare is not None:
            raise LabError(f"{self.name} is on already")
        shutil.rmtree(self.directory / "run", ignore_errors=True)  # a tmpfs on a real host
        (self.directory / "run").mkdir()
        self._unshare = _unshare(self.lab_name, self.name, self.directory, *filter(None, [self._root]))
        if self._switch and self.address:
            self._switch.plug(self.name, self.init_pid(), self.address)
        self.restart_libvirtd()

    def power_loss(self) -> None:
        """Kill the host's init: every process of the host dies at once. Returns when all are dead."""
        if self._unshare is None:
            return
        try:
            os.kill(self.init_pid(), signal.SIGKILL)
        except LabError:  # it has no init yet, or no longer
            self._unshare.kill()
        self._unshare.communicate()  # unshare waits for init, and init is reaped after all its processes
        self._unshare = None

    # The daemon alone

    def kill_libvirtd(self) -> None:
        """Kill libvirtd alone, as the OOM killer would: guests live on."""
        self._signal_libvirtd(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while self.pids("libvirtd"):
            if time.monotonic() > deadline:
                raise LabError(f"libvirtd of {self.name} outlived SIGKILL")
            time.sleep(0.01)

    def restart_libvirtd(self) -> None:
        """Start libvirtd, killing it first if it runs, and wait until it answers."""
        self.kill_libvirtd()
        self.run("libvirtd", "--daemon")
        if not self.answers(timeout_s=30):
            raise LabError(f"libvirt of {self.name} does not answer: {self.log()[-2000:]}")

    def hang(self) -> None:
        """Stop libvirtd where it is: its socket accepts, nothing answers."""
        self._signal_libvirtd(signal.SIGSTOP)

    def resume(self) -> None:
        """End a hang."""
        self._signal_libvirtd(signal.SIGCONT)

    def answers(self, timeout_s: float = 5) -> bool:
        """Whether libvirt answers a call within this time; it does once its drivers are up."""
        return answers(self.socket, timeout_s)

    # The disk

    def fill_disk(self) -> None:
        """Take every free byte of /var/lib/libvirt."""
        with (self.storage / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(ZEROS):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free_disk(self) -> None:
        """Give back what `fill_disk` took."""
        (self.storage / "ballast").unlink(missing_ok=True)

    # Looking and acting inside

    def run(self, *command: str) -> str:
        """Run a command on the host, as root, and return its output; raises LabError with what it said."""
        enter = ["nsenter", f"--target={self.init_pid()}", "--mount", "--uts", "--net", "--pid", "--"]
        done = subprocess.run(
            [*enter, *command],
            check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENVIRONMENT,
        )  # fmt: skip
        if done.returncode:
            raise LabError(f"{' '.join(command)} on {self.name}: exit {done.returncode}: {done.stderr}")
        return done.stdout

    def pids(self, comm: str) -> list[int]:
        """The host's processes of this name (as in /proc, at most 15 characters), as pids of this machine."""
        return [pid for pid in self._all_pids() if _read(f"/proc/{pid}/comm").strip() == comm[:15]]

    def guest_pids(self) -> list[int]:
        """The QEMU processes that run guests, not those that libvirt asks for their capabilities."""
        return [pid for pid in self.pids("qemu-system-x86_64") if "guest=" in _read(f"/proc/{pid}/cmdline")]

    def log(self) -> str:
        """What libvirtd logged."""
        return _read(self.directory / "log/libvirtd.log")

    # Private

    def _install(self) -> None:
        for folder in ("etc", "lib", "log", "cache"):
            (self.directory / folder).mkdir()
        if self._switch:
            (self.directory / "hosts").symlink_to(self._switch.hosts_file)
        else:
            (self.directory / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        settings.write(self.directory / "etc", self.uuid)
        # The mount's source carries the name: what a killed test run leaves is found by it.
        size = f"size={self._storage_mib}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, self.lab_name, self.storage], check=True)
        self.images.mkdir()

    def init_pid(self) -> int:
        """The host's PID 1, as a pid of this machine."""
        if self._unshare is not None:
            pid = self._unshare.pid
            if children := _read(f"/proc/{pid}/task/{pid}/children"):
                return int(children)
        raise LabError(f"{self.name} is off")

    def _all_pids(self) -> list[int]:
        """All processes in the host's PID namespace."""
        namespace = os.readlink(f"/proc/{self.init_pid()}/ns/pid")
        found = []
        for path in Path("/proc").glob("[0-9]*/ns/pid"):
            with suppress(FileNotFoundError, ProcessLookupError):
                if os.readlink(path) == namespace:
                    found.append(int(path.parts[2]))
        return found

    def _signal_libvirtd(self, number: signal.Signals) -> None:
        for pid in self.pids("libvirtd"):
            os.kill(pid, number)


def _unshare(lab_name: str, host_name: str, *paths: Path) -> subprocess.Popen[str]:
    """Start a host's init in namespaces of its own; they live while we hold its standard input open."""
    namespaces = ["--mount", "--uts", "--net", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
    process = subprocess.Popen(
        ["unshare", *namespaces, "tini", "--", INIT, lab_name, host_name, *paths],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
        start_new_session=True,  # Ctrl-C is for the test run, which still has to close its hosts
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise LabError(f"{host_name} did not boot: {process.communicate()[1]}")
    return process


def answers(path: Path, timeout_s: float) -> bool:
    """Ask libvirt's protocol alone: its client library has no limit on how long an open may hang."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(AUTH_LIST)
            return len(connection.recv(4096)) >= 28  # the reply has a list of ways to sign in
        except OSError:
            return False


def _read(path: str | Path) -> str:
    """A file's text; empty where it, or its process, is gone."""
    try:
        return Path(path).read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
