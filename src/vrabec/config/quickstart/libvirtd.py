"""libvirt on this machine: its daemons, started by hand where systemd does not run, and the NAT network."""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import time
from pathlib import Path

from vrabec.config.quickstart.made import Made
from vrabec.config.quickstart.say import Failed
from vrabec.config.quickstart.shell import attempt, has_systemd, run, virsh

CONFIG_DIR = Path("/etc/vrabec")
_ANSWER_SECONDS = 30
_BY_HAND = """\
# libvirtd as scripts/quickstart runs it where systemd does not run. There is no polkit then to say who may
# use libvirt: the group may.
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
auth_unix_rw = "none"
"""
_NETWORK = """\
<network>
  <name>default</name>
  <forward mode="nat"/>
  <bridge name="virbr0" stp="on" delay="0"/>
  <ip address="{0}.1" netmask="255.255.255.0">
    <dhcp><range start="{0}.2" end="{0}.254"/></dhcp>
  </ip>
</network>
"""


def ensure_libvirt(made: Made) -> str:
    """Start libvirt where it does not answer; gives its version. Raises Failed."""
    if not _answers():
        if has_systemd():
            advice = "libvirt does not start: look at `systemctl status libvirtd`, then run this again."
            run("systemctl", "enable", "--now", "libvirtd.service", advice=advice)
        else:
            _start_by_hand(made)
        _wait_for_answer()
    _, version = virsh("version", "--daemon")
    running = [line.split()[-1] for line in version.splitlines() if "daemon" in line]
    return f"libvirt {running[0]}" if running else ""


def _answers() -> bool:
    return virsh("uri", timeout_s=20)[0]


def _start_by_hand(made: Made) -> None:
    config = CONFIG_DIR / "libvirtd.conf"
    config.write_text(_BY_HAND)
    advice = "libvirt's daemons do not start: look at the log, then run this again."
    for daemon, options in (("virtlogd", []), ("libvirtd", ["--config", str(config)])):
        if _pid_of(daemon):
            continue
        run(daemon, "--daemon", "--pid-file", str(_pid_file(daemon)), *options, advice=advice)
        made.daemons = sorted({*made.daemons, daemon})
        made.write()


def _wait_for_answer() -> None:
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not _answers():
        if time.monotonic() > deadline:
            raise Failed("libvirt does not answer: see why with `virsh -c qemu:///system list`.")
        time.sleep(0.2)


def stop_daemons(made: Made) -> None:
    """End the daemons that we started by hand."""
    for daemon in made.daemons:
        pid = _pid_of(daemon)
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until_gone(pid)
        _pid_file(daemon).unlink(missing_ok=True)


def wait_until_gone(pid: int, seconds: float = 20) -> bool:
    """Wait until a process has ended; whether it has."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _pid_file(daemon: str) -> Path:
    return Path(f"/run/vrabec-{daemon}.pid")


def _pid_of(daemon: str) -> int:
    """The pid of our daemon, 0 when it does not run; a pid that another program got since is not ours."""
    try:
        pid = int(_pid_file(daemon).read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == daemon else 0
    except (OSError, ValueError):
        return 0


def ensure_network(made: Made) -> None:
    """Have the NAT network `default`, now and after each boot. Raises Failed."""
    defined, info = virsh("net-info", "default")
    if not defined:
        _define_network(_NETWORK.format(_free_prefix()))
        made.network = "defined"
        made.write()
        info = ""
    if not _is(info, "Active"):
        _start_network(made)
        made.network = made.network or "started"
        made.write()
    if not _is(info, "Autostart"):
        virsh("net-autostart", "default")
        made.network_autostart = True
        made.write()


def _is(info: str, name: str) -> bool:
    return any(line.split()[:2] == [f"{name}:", "yes"] for line in info.splitlines())


def _start_network(made: Made) -> None:
    started, output = virsh("net-start", "default")
    if not started and "already in use" in output:
        _move_network(made)
        started, output = virsh("net-start", "default")
    if not started and "already active" not in output:
        raise Failed("libvirt's network `default` does not start: see why with `virsh net-start default`.")


def _move_network(made: Made) -> None:
    """Off 192.168.122.0/24, where Debian's package puts it: a machine that is itself a guest lives there."""
    _, before = virsh("net-dumpxml", "--inactive", "default")
    made.network_was = made.network_was or before
    made.write()
    _define_network(before.replace("192.168.122.", f"{_free_prefix()}."))


def _define_network(xml: str) -> None:
    file = CONFIG_DIR / "network.xml"
    file.write_text(xml)
    defined, _ = virsh("net-define", str(file))
    file.unlink()
    if not defined:
        raise Failed("libvirt does not take a network `default`: define one, then run this again.")


def _free_prefix() -> str:
    """The first three numbers of a /24 that no card of this machine is in."""
    _, output = attempt("ip", "-j", "-4", "address")
    found = [info for card in json.loads(output or "[]") for info in card.get("addr_info", [])]
    used = [ipaddress.ip_network(f"{i['local']}/{i['prefixlen']}", strict=False) for i in found]
    for number in range(122, 200):
        wanted = ipaddress.ip_network(f"192.168.{number}.0/24")
        if not any(wanted.overlaps(network) for network in used):
            return f"192.168.{number}"
    raise Failed("There is no free network for machines: define libvirt's network `default` yourself.")


def remove_network(made: Made) -> None:
    """Leave the network `default` as it was before us."""
    if made.network:
        virsh("net-destroy", "default")
    if made.network == "defined":
        virsh("net-undefine", "default")
    elif made.network_autostart:
        virsh("net-autostart", "--disable", "default")
    if made.network_was:
        _define_network(made.network_was)
