"""A bare Debian on this machine: its own root, processes, host name and network, and nothing installed.

The quickstart is tested on it. mmdebstrap makes the base system, kept in the user's cache; the way out is
slirp4netns, so that nothing of this machine's network is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab import labs
from tests.lab.host import LabError
from tests.lab.kept import kept

INIT = Path(__file__).with_name("debian_init.sh")
PROJECT = Path(__file__).parents[2]
SOURCE = "/srv/vrabec"
"""Where the project lies inside."""
TOOLS = ("mmdebstrap", "slirp4netns", "tini", "unshare", "nsenter", "git", "tar")
BOOT_SECONDS = 180
_NOT_OURS = (
    "sys-kernel-debug.mount",
    "systemd-modules-load.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
)
"""What systemd would do to the kernel, which is this machine's."""
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL")


def missing() -> str | None:
    """Why a bare Debian cannot be had here, or None."""
    if os.geteuid() != 0:
        return "a bare Debian needs root"
    tools = [tool for tool in TOOLS if shutil.which(tool, path=labs.PATH) is None]
    return f"a bare Debian needs {', '.join(tools)}" if tools else None


class BareDebian:
    """A machine that is on inside `with`, and of which nothing is left afterwards."""

    def __init__(self, suite: str, *, systemd: bool = False, network: bool = True) -> None:
        self.suite = suite
        self._has_network = network
        self.lab_name = labs.new_name()
        self.root = labs.directory_of(self.lab_name)
        self._systemd = systemd
        self._unshare: subprocess.Popen[str] | None = None
        self._network: subprocess.Popen[bytes] | None = None
        self._network_end = -1

    def __enter__(self) -> Self:
        labs.sweep()
        try:
            self._install()
            self._boot()
            if self._has_network:
                self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switch it off and remove it."""
        if self._network:
            os.close(self._network_end)
            self._network.wait(10)
            self._network = None
        if self._unshare:
            self._unshare.kill()  # the kernel then kills its init, and with it all processes inside
            self._unshare.communicate()
            self._unshare = None
        labs.remove(self.lab_name)

    def run(self, *command: str, timeout_s: float = 60, check: bool = True) -> str:
        """Run a command as root in the project's folder, and return what it printed; raises LabError."""
        done = subprocess.run(
            self.command(*command), check=False, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self.environment(), timeout=timeout_s,
        )  # fmt: skip
        if check and done.returncode:
            raise LabError(f"{' '.join(command)}: exit {done.returncode}:\n{done.stdout}")
        return done.stdout

    def shell(self, script: str, timeout_s: float = 60, *, check: bool = True) -> str:
        """Run a line of shell, as `run` does."""
        return self.run("bash", "-c", script, timeout_s=timeout_s, check=check)

    def command(self, *command: str) -> list[str]:
        """What runs `command` inside, in the project's folder."""
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return ["nsenter", f"--target={self.pid}", *namespaces, "--", "env", f"--chdir={SOURCE}", *command]

    def environment(self) -> dict[str, str]:
        """What its commands see: nothing of the caller's, but how this machine reaches package registries."""
        return registries() | {"PIP_CERT": "/srv/authorities.pem"}

    @property
    def pid(self) -> int:
        """Its first process, as seen from here."""
        assert self._unshare is not None
        pid = self._unshare.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def _install(self) -> None:
        self.root.mkdir()
        subprocess.run(
            ["tar", "-xf", base_system(self.suite, systemd=self._systemd), "-C", self.root], check=True
        )
        inside = self.root / SOURCE.lstrip("/")
        inside.mkdir(parents=True)
        subprocess.run(["tar", "-x", "--no-same-owner", "-C", inside], input=project_tar(), check=True)
        shutil.copy(_AUTHORITIES, self.root / "srv/authorities.pem")
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 bare\n")
        (self.root / "etc/hostname").write_text("bare\n")
        if (sudoers := self.root / "etc/sudoers.d").is_dir():
            (sudoers / "registries").write_text(f'Defaults env_keep += "PIP_CERT {" ".join(_PASSED_ON)}"\n')
        units = self.root / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for unit in _NOT_OURS:
            (units / unit).symlink_to("/dev/null")

    def _boot(self) -> None:
        namespaces = [
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--cgroup",
            "--fork",
            "--kill-child=KILL",
        ]
        # systemd must be the first process itself; elsewhere somebody has to reap orphans.
        first = [] if self._systemd else ["tini", "--"]
        init = "/lib/systemd/systemd" if self._systemd else "hold"
        self._unshare = subprocess.Popen(
            ["unshare", *namespaces, *first, INIT, self.lab_name, "bare", self.root, init],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": labs.PATH}, start_new_session=True,
        )  # fmt: skip
        assert self._unshare.stdout is not None
        if self._unshare.stdout.readline() != "ready\n":
            raise LabError(f"Debian {self.suite} did not boot: {self._unshare.communicate()[1]}")
        if self._systemd:
            self._wait_for_systemd()

    def _wait_for_systemd(self) -> None:
        """Until it has booted: before, it still cleans up, in /tmp for one."""
        deadline = time.monotonic() + BOOT_SECONDS
        while self.run("systemctl", "is-system-running", check=False).strip() not in ("running", "degraded"):
            if time.monotonic() > deadline:
                raise LabError(f"systemd of Debian {self.suite} does not come up")
            time.sleep(0.5)

    def _connect(self) -> None:
        """Lay the way out: it ends when we close our end of a pipe, or die."""
        theirs, self._network_end = os.pipe()
        ready, ready_there = os.pipe()
        options = ["--configure", "--mtu=65520", "--disable-host-loopback"]
        pipes = [f"--exit-fd={theirs}", f"--ready-fd={ready_there}"]
        self._network = subprocess.Popen(
            ["slirp4netns", *options, *pipes, str(self.pid), "eth0"],
            pass_fds=(theirs, ready_there), stdin=subprocess.DEVNULL, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        os.close(ready_there)
        if os.read(ready, 1) != b"1":
            raise LabError("slirp4netns does not start")
        os.close(ready)


def registries() -> dict[str, str]:
    """An environment with nothing of the caller's, but how this machine reaches package registries."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": "/root", "TERM": "dumb", **passed}


def project_tar() -> bytes:
    """The project as it lies here, without what git ignores."""
    files = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    there = b"\0".join(name for name in files.split(b"\0") if name and (PROJECT / os.fsdecode(name)).exists())
    pack = ["tar", "-c", "-C", PROJECT, "--null", "-T", "-"]
    return subprocess.run(pack, input=there, stdout=subprocess.PIPE, check=True).stdout


def base_system(suite: str, *, systemd: bool) -> Path:
    """The base system as a tar file, made anew where it is old; `systemd`: with what an installer leaves."""
    make = partial(_debootstrap, suite, ["--include=systemd-sysv,dbus,sudo"] if systemd else [])
    return kept(f"{suite}{'-installed' if systemd else ''}.tar", make)


def _debootstrap(suite: str, packages: list[str], path: Path) -> None:
    options = ["--quiet", "--format=tar", "--variant=minbase", *packages]  # the draft's name tells no format
    subprocess.run(["mmdebstrap", *options, suite, path], check=True, stdin=subprocess.DEVNULL)


def _git(*words: str) -> bytes:
    # The checkout may belong to another user than the one who tests.
    safe = ["-c", f"safe.directory={PROJECT}"]
    return subprocess.run(["git", *safe, *words], cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout
