"""Debian templates proven whole: a bare Debian, the quickstart, a build, and ssh into what came of it.

usage: scripts/try-debian [--on bookworm|trixie] [--suite SUITE ...] [--firmware FIRMWARE ...] [--kept FOLDER]
Everything runs as it would at a site: the build as user vrabec, machines under libvirt. Takes ten minutes a
suite without KVM, so it is no part of scripts/test. Prints what it saw, and how long each step took. With
--kept images are taken from a folder where they are there, and put into it: so it can be done in pieces.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.debian import BareDebian, missing
from tests.lab.host import LabError

SUITES, FIRMWARES = ("bookworm", "trixie"), ("bios", "uefi")
PACKAGES = "mmdebstrap uidmap ovmf openssh-client"
_INSTALL_SECONDS, _BUILD_SECONDS, _BOOT_SECONDS = 1500, 1500, 900
_TOKEN = "runuser -u vrabec -- /opt/vrabec/venv/bin/python -m vrabec.config.quickstart.inside token"
_IN_UNIT = (
    "for pid in $(cat /sys/fs/cgroup/system.slice/vrabec.service/cgroup.procs); do cat /proc/$pid/comm; done"
)
_SSH = (
    "ssh -i /root/key -o BatchMode=yes -o StrictHostKeyChecking=no"
    " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
)
_USER_DATA = """\
#cloud-config
hostname: not-this-one
write_files:
- path: /etc/told
  content: by user data
runcmd:
- date +%s >>/etc/commanded
"""
_MALFORMED = "#cloud-config\nwrite_files:\n- path: /etc/told\n  content: [by\n"
_QUESTIONS = {
    "system": (". /etc/os-release; echo $PRETTY_NAME", r"Debian GNU/Linux .*{suite}.*"),
    "kernel": ("uname -r", r".*-cloud-amd64"),
    "started by": ("[ -d /sys/firmware/efi ] && echo uefi || echo bios", "{firmware}"),
    "host name": ("hostname", "{name}"),
    "name in /etc/hosts": ("getent hosts {name} | cut -d' ' -f1", r"127\.0\.1\.1|::1"),
    "root disk in MiB": ("df -m --output=size / | tail -1", r"3\d\d\d"),
    "cloud-init": ("cloud-init status --wait", r"\.*\s*status: done"),
    "told by user data": ("cat /etc/told", "by user data"),
    "times its command ran": ("wc -l </etc/commanded", "1"),
    "units that failed": ("systemctl --failed --quiet --no-legend | wc -l", "0"),
    "passwords": ("sudo grep -c ':\\$' /etc/shadow", "0"),
    "host keys": ("cat /etc/ssh/ssh_host_*.pub | sha256sum", r"[0-9a-f]{{64}}  -"),
    "up after": ("cut -d' ' -f1 /proc/uptime", r"[0-9.]+"),
}
"""What is asked over ssh, and what must be said: of everything that a machine was asked to be."""


class Site:
    """A bare Debian with Vrabec on it, asked by its command line."""

    def __init__(self, machine: BareDebian, output: str) -> None:
        self.machine = machine
        found = re.search(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", output)
        if not found:
            raise LabError(output)
        self._fingerprint = found[0]

    def vrabec(self, words: str, timeout_s: float = 60, *, check: bool = True) -> str:
        """Run the vrabec command as the administrator."""
        begin = f'VRABEC_URL=https://127.0.0.1:8443 VRABEC_TOKEN="$({_TOKEN})"'
        line = f"{begin} VRABEC_FINGERPRINT={self._fingerprint} vrabec {words}"
        return self.machine.shell(line, timeout_s=timeout_s, check=check)


def main() -> None:
    """Prove what the arguments ask for."""
    arguments = argparse.ArgumentParser(description="Prove templates of Debian, from nothing to ssh.")
    arguments.add_argument("--on", choices=SUITES, default="bookworm", help="the controller's system")
    arguments.add_argument("--suite", choices=SUITES, action="append", help="what to build")
    arguments.add_argument("--firmware", choices=FIRMWARES, action="append", help="how to boot it")
    arguments.add_argument("--kept", type=Path, help="a folder that keeps what was built")
    arguments.add_argument("--build-only", action="store_true", help="boot nothing")
    wish = arguments.parse_args()
    if reason := missing():
        raise SystemExit(f"try-debian: {reason}")
    with _site(wish.on) as site:
        store = site.machine.root / "var/lib/vrabec/templates"
        _copy(wish.kept, store)
        for suite in wish.suite or SUITES:
            _build(site, suite)
            _copy(store, wish.kept)
            _refuse(site, suite)
            for firmware in () if wish.build_only else wish.firmware or FIRMWARES:
                _boot(site, suite, firmware)
        _cancel(site)


def _copy(source: Path | None, target: Path | None) -> None:
    """Images from one folder to another, for its owner to use; nothing where either is not asked for."""
    if source is None or target is None:
        return
    for image in source.glob("debian-*.qcow2"):
        shutil.copy(image, target)
        shutil.chown(target / image.name, target.stat().st_uid)


@contextmanager
def _site(suite: str) -> Iterator[Site]:
    with BareDebian(suite, systemd=True) as machine:
        with timed(f"quickstart on Debian {suite}"):
            output = machine.run("scripts/quickstart", timeout_s=_INSTALL_SECONDS)
        site = Site(machine, output)
        print(
            f"  without packages: {site.vrabec('template build debian --suite trixie --wait', check=False)}"
        )
        with timed("packages for building and for UEFI"):
            machine.shell(f"apt-get -qq install -y --no-install-recommends {PACKAGES}", timeout_s=600)
        machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key")
        yield site


def _cancel(site: Site) -> None:
    """A build, which has only what the unit allows, leaves nothing when it is cancelled at its packages."""
    site.machine.shell("rm -f /var/lib/vrabec/templates/debian-bookworm-*.qcow2")
    job = json.loads(site.vrabec("template build debian --suite bookworm -o json"))["id"]
    until(lambda: "dpkg" in site.machine.shell(_IN_UNIT, check=False), "dpkg runs in Vrabec's unit", 300)
    with timed("cancel in the middle"):
        site.vrabec(f"job cancel {job}")
        until(lambda: not _left(site), "nothing is left", 60)
    print(f"  the job: {json.loads(site.vrabec(f'job show {job} -o json'))['state']}")


def _left(site: Site) -> list[str]:
    """What a build has on the machine: processes and its folder."""
    running = site.machine.shell("cat /proc/[0-9]*/comm", check=False).split()
    folders = site.machine.shell("ls -A /var/lib/vrabec/templates | grep debian-build || true").split()
    return [name for name in running if name in ("mmdebstrap", "dpkg", "apt-get", "unshare")] + folders


def _build(site: Site, suite: str) -> None:
    with timed(f"build debian {suite}"):
        site.vrabec(f"template build debian --suite {suite} --wait", _BUILD_SECONDS)
    with timed("the same again, from the store"):
        site.vrabec(f"template build debian --suite {suite} --wait", _BUILD_SECONDS)
    print(site.machine.shell("ls -l /var/lib/vrabec/templates/*.qcow2; grep -c . /etc/subuid"))


def _refuse(site: Site, suite: str) -> None:
    """Malformed user data is refused with its line, and nothing is begun."""
    _write(site, "malformed", _MALFORMED)
    before = site.vrabec("job list -o json")
    words = f"--template debian-{suite} --size small --user-data /root/malformed"
    said = site.vrabec(f"vm create malformed {words}", check=False)
    print(f"  malformed user data: {said.strip()}")
    assert "Line 5:" in said, said
    assert site.vrabec("job list -o json") == before


def _write(site: Site, name: str, text: str) -> None:
    (site.machine.root / "root" / name).write_text(text)


def _boot(site: Site, suite: str, firmware: str) -> None:
    name = f"{suite}-{firmware}"
    _write(site, "told", _USER_DATA)
    words = f"--template debian-{suite} --firmware {firmware} --size small"
    words += " --ssh-key /root/key.pub --user-data /root/told"
    with timed(f"create {name} until its agent answers"):
        site.vrabec(f"vm create {name} {words} --timeout {_BOOT_SECONDS}", _BOOT_SECONDS)
    told = _ask(site, name, suite=suite, firmware=firmware)
    _shut_down(site, name)
    now = name
    if firmware == FIRMWARES[0]:
        now = _rename(site, name, told, suite=suite, firmware=firmware)
    site.vrabec(f"vm delete {now} --yes --wait", 300)
    left = site.machine.shell(f"find /var/lib/libvirt /etc/libvirt -name '*{name}*'")
    assert left == "", left


def _shut_down(site: Site, name: str) -> None:
    with timed("shut down"):
        site.vrabec(f"vm shutdown {name} --deadline 300 --wait", 400)


def _rename(site: Site, name: str, told: dict[str, str], **known: str) -> str:
    """Under another name it is the same guest: no new host keys, no command a second time."""
    new = f"{name}-renamed"
    with timed(f"rename {name} and start it until its agent answers"):
        site.vrabec(f"vm rename {name} {new} --wait")
        site.vrabec(f"vm start {new} --timeout {_BOOT_SECONDS}", _BOOT_SECONDS)
    assert _ask(site, new, **known)["host keys"] == told["host keys"]
    _shut_down(site, new)
    return new


def _ask(site: Site, name: str, **known: str) -> dict[str, str]:
    """Enter with the given key, compare what the guest says with what was asked for, and return it."""
    address = json.loads(site.vrabec(f"vm show {name} -o json"))["address"]
    assert address, f"{name} has an address"
    enter = f"{_SSH} debian@{address}"
    with timed("ssh with the given key"):
        enters = f"{enter} true && echo yes"
        until(lambda: "yes" in site.machine.shell(enters, check=False), "ssh answers", 120)
    answers = {}
    for question, (command, expected) in _QUESTIONS.items():
        told = site.machine.run(*enter.split(), command.format(name=name), timeout_s=300, check=False).strip()
        print(f"  {question}: {told}", flush=True)
        assert re.fullmatch(expected.format(name=name, **known), told), f"{question}: {told}"
        answers[question] = told
    return answers


def until(true: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise LabError(f"not within {seconds:g} s: {what}")
        time.sleep(0.5)


@contextmanager
def timed(what: str) -> Iterator[None]:
    begun = time.monotonic()
    print(f"{what} ...", flush=True)
    yield
    print(f"{what}: {time.monotonic() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
