"""Vrabec's systemd unit proven in a whole Debian: a kernel, a systemd and a libvirtd of its own, under QEMU.

usage: scripts/try-systemd [--suite bookworm|trixie] [--kept FOLDER]
The guest's root is that of template debian. What the quickstart's first two steps install is put in before,
as apt and pip would take an hour in an emulated guest; all else happens inside. Takes half an hour
without KVM, so it is no part of scripts/test. Prints what it saw, and how long each step took. --kept keeps
the template.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.lab.debian import missing, project_tar, registries
from tests.lab.host import LabError
from tests.lab.try_debian import SUITES, timed, until
from vrabec.integrations.images import debian
from vrabec.integrations.images.debian.disk import ROOT_MIB, ROOT_START_MIB
from vrabec.lib.seed import Seed, build_seed

ROOT_BYTES = 8 << 30
BOOT_SECONDS, INSTALL_SECONDS, WELL_SECONDS = 900, 1800, 900
_QEMU = (
    "qemu-system-x86_64 -machine q35 -accel tcg -cpu max -smp 2 -m 3072 -display none -monitor none"
    " -object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng"
)
_EMPTY_ROOT = """\
sed -e 's|^ExecStart=.*|ExecStart=/opt/vrabec/venv/bin/python /srv/vrabec/tests/lab/empty_root.py|' \
  -e 's/^Restart=.*/Type=oneshot/' -e '/^RestartSec=/d' -e '/^RuntimeDirectory/d' -e '/^WantedBy=/d' \
  /etc/systemd/system/vrabec.service | sudo tee /run/systemd/system/empty-root.service >/dev/null
sudo systemctl daemon-reload
sudo systemctl start empty-root
sudo journalctl -u empty-root -o cat
"""
"""Runs that program once, with Vrabec's unit but for what starts, restarts and stops it."""
_GOING_DOWN = "sudo journalctl -b -1 -o short-monotonic -u vrabec -u libvirt-guests -n 12"
_HEALTH = """\
sudo /opt/vrabec/venv/bin/python - <<'END'
import ssl
from urllib.request import urlopen
known = ssl.create_default_context(cafile="/var/lib/vrabec/tls/certificate.pem")
print(urlopen("https://localhost:8443/healthz", context=known).read().decode())
END
"""


class Guest:
    """A Debian that is on inside `with`, entered by ssh."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self._qemu: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        key = self._folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        seed = Seed("controller", "try-systemd", ssh_keys=(key.with_suffix(".pub").read_text().strip(),))
        (self._folder / "seed.iso").write_bytes(build_seed(seed))
        root = "root=/dev/vda rw console=ttyS0 no_timer_check"
        self._qemu = subprocess.Popen(
            [
                *_QEMU.split(), "-kernel", "kernel", "-initrd", "initrd", "-append", root,
                "-drive", "file=root.ext4,format=raw,if=virtio,cache=unsafe",
                "-drive", "file=seed.iso,format=raw,if=virtio,readonly=on",
                "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self._port}-:22",
                "-device", "virtio-net-pci,netdev=net", "-serial", "file:console.log",
            ], cwd=self._folder, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return self

    def __exit__(self, *raised: object) -> None:
        assert self._qemu is not None
        self._qemu.kill()
        self._qemu.wait()
        if any(raised):
            print((self._folder / "console.log").read_text(errors="replace")[-3000:])

    def run(self, command: str, *, timeout_s: float = 120, check: bool = True) -> str:
        """Run a line of shell as user debian, who may sudo, and return what it printed; raises LabError."""
        options = [
            "BatchMode=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ]
        words = [word for option in (*options, "ConnectTimeout=10") for word in ("-o", option)]
        ssh = [
            "ssh",
            "-i",
            str(self._folder / "key"),
            "-p",
            str(self._port),
            *words,
            "debian@127.0.0.1",
            command,
        ]
        try:
            done = subprocess.run(
                ssh, check=False, text=True, errors="replace", timeout=timeout_s,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            if check:
                raise LabError(f"{command}: no end within {timeout_s:g} s") from error
            return ""  # whoever asks again and again asks once more
        if check and done.returncode:
            raise LabError(f"{command}: exit {done.returncode}:\n{done.stdout}")
        return done.stdout.strip()

    def boot(self) -> str:
        """What names this run of its kernel, "" while it does not answer."""
        said = self.run("cat /proc/sys/kernel/random/boot_id", check=False)
        return said if re.fullmatch(r"[0-9a-f-]{36}", said) else ""

    def shows(self, *names: str) -> tuple[str, ...]:
        """Properties of the unit."""
        said = self.run(f"systemctl show vrabec -p {','.join(names)}")
        found = dict(line.split("=", 1) for line in said.splitlines())
        return tuple(found[name] for name in names)

    def is_well(self) -> bool:
        """Whether /healthz says so."""
        return self.run(_HEALTH, check=False) == "ok"


def main() -> None:
    """Prove it."""
    arguments = argparse.ArgumentParser(description="Prove the systemd unit in a Debian guest.")
    arguments.add_argument("--suite", choices=SUITES, default="bookworm", help="the guest's system")
    arguments.add_argument("--kept", type=Path, help="a folder that keeps the template")
    wish = arguments.parse_args()
    if reason := missing():
        raise SystemExit(f"try-systemd: {reason}")
    with tempfile.TemporaryDirectory(prefix="try-systemd-", dir="/var/tmp") as name:
        folder = Path(name)
        _prepare(folder, wish.suite, wish.kept or folder)
        with Guest(folder) as guest:
            _prove(guest)


def _prepare(folder: Path, suite: str, kept: Path) -> None:
    with timed(f"template debian-{suite}"):
        image = debian.build(suite, kept, lambda percent, doing: None, lambda: False)
    with timed("Vrabec into its root"):
        _take_root(image.path, folder)
        (folder / "project.tar").write_bytes(project_tar())
        _namespaced(Path(__file__).with_name("put_vrabec.sh"), folder)


def _take_root(image: Path, folder: Path) -> None:
    """The template's root file system by itself, larger."""
    raw, root = folder / "whole.raw", folder / "root.ext4"
    _do("qemu-img", "convert", "-O", "raw", image, raw)
    _do(
        "dd", f"if={raw}", f"of={root}", "bs=1M", f"skip={ROOT_START_MIB}", f"count={ROOT_MIB}", "conv=sparse"
    )
    raw.unlink()
    os.truncate(root, ROOT_BYTES)
    _do("e2fsck", "-fp", root)
    _do("resize2fs", root)


def _namespaced(*command: object) -> None:
    _do("unshare", "--mount", "--pid", "--fork", "--kill-child", *command)


def _do(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], check=False, text=True, errors="replace", env=registries(),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"{command[0]}: exit {done.returncode}:\n{done.stdout}")


def _prove(guest: Guest) -> None:
    with timed("boot until ssh"):
        until(lambda: guest.boot() != "", "ssh answers", BOOT_SECONDS)
    with timed("quickstart inside"):
        print(guest.run("cd /srv/vrabec && sudo scripts/quickstart", timeout_s=INSTALL_SECONDS))
    _look(guest)
    _build(guest)
    _restart(guest)
    _die(guest)
    _reboot(guest)
    _stop(guest)
    _analyze(guest)


def _look(guest: Guest) -> None:
    """It runs as its user, is well, and the journal has its lines, with levels and job ids."""
    state, user, enabled = guest.shows("ActiveState", "User", "UnitFileState")
    assert (state, user, enabled) == ("active", "vrabec", "enabled")
    assert guest.is_well()
    lines = guest.run("sudo journalctl -u vrabec -o cat --grep 'job=[0-9]+ machine=first'").splitlines()
    print(f"  journal, {len(lines)} lines of first's job, such as: {lines[0]}")
    assert re.search(r" INFO vrabec\..* job=\d+ machine=first: ", lines[0])
    assert "<6>" not in lines[0], "journald took the level from the line"
    assert "INFO" not in guest.run("sudo journalctl -u vrabec -o cat -p warning")


def _build(guest: Guest) -> None:
    """Under its settings, on a Debian's own kernel, a build of Debian gets its ids and its mounts."""
    with timed("an empty root, as a build begins with"):
        said = guest.run(_EMPTY_ROOT, timeout_s=INSTALL_SECONDS)
    seen = re.search(r"^owner 1:42 0 .* proc$", said, re.MULTILINE)
    assert seen, said
    print(f"  {seen[0]}")


def _restart(guest: Guest) -> None:
    """Another process, well again; the machine goes on as if nothing had been."""
    before, runs = guest.shows("MainPID"), _domain(guest)
    with timed("systemctl restart"):
        guest.run("sudo systemctl restart vrabec")
    with timed("until it is well"):
        until(guest.is_well, "it is well", WELL_SECONDS)
    assert guest.shows("MainPID") != before
    assert guest.shows("ActiveState", "NRestarts") == ("active", "0")
    assert _domain(guest) == runs


def _die(guest: Guest) -> None:
    """Killed, it is started again, and nothing of the dead one is left."""
    [before] = guest.shows("MainPID")
    guest.run(f"sudo kill -KILL {before}")
    with timed("killed, until it is well"):
        until(lambda: guest.shows("NRestarts") == ("1",) and guest.is_well(), "it is well", WELL_SECONDS)
    pids = guest.run("cat /sys/fs/cgroup/system.slice/vrabec.service/cgroup.procs").split()
    print(f"  its processes: {len(pids)}")
    assert before not in pids


def _reboot(guest: Guest) -> None:
    """It comes up by itself, and starts again what should run."""
    boot = guest.boot()
    guest.run("sudo systemctl reboot", check=False)
    with timed("reboot until ssh"):
        until(lambda: guest.boot() not in ("", boot), "ssh answers", BOOT_SECONDS)
    print("  how it went down:\n    " + guest.run(_GOING_DOWN).replace("\n", "\n    "))
    with timed("until it is well"):
        until(guest.is_well, "it is well", WELL_SECONDS)
    with timed("until machine first runs again"):
        until(lambda: _domain(guest) != "", "machine first runs", WELL_SECONDS)
    assert guest.shows("ActiveState", "NRestarts") == ("active", "0")
    assert guest.run("systemctl --failed --quiet --no-legend") == ""


def _stop(guest: Guest) -> None:
    """It ends by itself within its limit; its machine goes on."""
    runs = _domain(guest)
    with timed("systemctl stop"):
        guest.run("sudo systemctl stop vrabec")
    assert guest.shows("ActiveState", "Result", "ExecMainStatus") == ("inactive", "success", "0")
    assert guest.run("pgrep -u vrabec", check=False) == ""
    assert runs
    assert _domain(guest) == runs
    print(f"  its last words: {guest.run('sudo journalctl -u vrabec -o cat -n 3')}")
    with timed("systemctl start, until it is well"):
        guest.run("sudo systemctl start vrabec")
        until(guest.is_well, "it is well", WELL_SECONDS)


def _analyze(guest: Guest) -> None:
    """Nothing is found wrong with the unit."""
    said = guest.run("systemd-analyze verify --man=no vrabec.service", check=False)
    assert "vrabec" not in said, said
    table = guest.run("systemd-analyze security --no-pager vrabec.service")
    print(f"  {table.splitlines()[-1].strip()}")
    print(
        "  " + "\n  ".join(guest.run("systemctl --version | head -1; cat /etc/debian_version").splitlines())
    )


def _domain(guest: Guest) -> str:
    """The process of machine first, "" while it does not run."""
    said = guest.run("pgrep -f '[g]uest=main.first'", check=False)
    return said if said.isdecimal() else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
