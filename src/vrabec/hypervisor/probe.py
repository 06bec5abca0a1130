"""Does KVM work on a host? libvirt says yes wherever /dev/kvm opens; only a machine that boots proves it."""

from __future__ import annotations

import time
import uuid
from contextlib import suppress
from typing import Any

import libvirt

from vrabec.hypervisor import facts, xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import translate
from vrabec.hypervisor.xml import cpu_element, element, to_text
from vrabec.lib.errors import Unavailable

PREFIX = "vrabec-probe-"
_POLL_S = 0.05
_REBOOT_MS = 1000


def probe_kvm(host: HostConnection, timeout_s: float = 10, tries: int = 3) -> tuple[bool, str]:
    """Whether a machine boots under KVM, and why we think so, in words.

    A machine that runs under KVM already is proof; else a transient one without disks is started, up to
    `tries` times for `timeout_s` each, and gone afterwards. Raises Unavailable.
    """
    with host.calling() as raw:
        capabilities = xml.parse(raw.getCapabilities())
        arch = capabilities.findtext("host/cpu/arch", "")
        if "kvm" not in facts.domain_types(capabilities, arch):
            return False, "libvirt on the host does not offer KVM."
        if _runs_already(raw):
            return True, "Machines run under KVM on the host already."
        reason = ""
        for _ in range(tries):
            works, reason = boots(raw, "kvm", arch, timeout_s)
            if works:
                break
        return works, reason


def _runs_already(raw: Any) -> bool:
    domains = raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
    kinds = (xml.read_domain(domain.XMLDesc(0)) for domain in domains)
    return any(kind.domain_type == "kvm" and not kind.name.startswith(PREFIX) for kind in kinds)


def boots(raw: Any, kind: str, arch: str, timeout_s: float) -> tuple[bool, str]:
    """Whether a machine of the domain type `kind` boots within this time, and what came of it, in words."""
    try:
        domain = raw.createXML(_xml(kind, arch), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    except libvirt.libvirtError as error:
        return False, f"A test machine did not start under {kind}: {_words(error)}"
    try:
        if _prints(raw, domain, timeout_s):
            return True, f"A test machine booted under {kind}."
        return False, f"A test machine started under {kind}, but did not boot within {timeout_s:g} s."
    except libvirt.libvirtError as error:
        return False, f"A test machine under {kind} could not be watched: {_words(error)}"
    finally:
        with suppress(libvirt.libvirtError):  # it ended by itself
            domain.destroy()


def _words(error: libvirt.libvirtError) -> str:
    """What failed; a lost connection says nothing about KVM and goes on as an error."""
    ours = translate(error)
    if isinstance(ours, Unavailable):
        raise ours from error
    return ours.message


def _xml(kind: str, arch: str) -> str:
    # The firmware prints to the serial port; nothing boots, so it starts again each second and prints again:
    # QEMU drops what is printed before somebody opens the console. The CPU is that of our machines: there are
    # hosts where QEMU's default one starts under KVM and the host's own does not (seen with QEMU 7.2).
    root = element(
        "domain",
        element("name", f"{PREFIX}{uuid.uuid4().hex[:12]}"),
        element("memory", "32", unit="MiB"),
        element(
            "os",
            element("type", "hvm", arch=arch, machine="q35"),
            element("bios", useserial="yes", rebootTimeout=str(_REBOOT_MS)),
        ),
        element("features", element("acpi"), element("apic")),
        cpu_element(kind),
        element(
            "devices",
            element("controller", type="usb", model="none"),
            element("serial", element("target", port="0"), type="pty"),
            element("memballoon", model="none"),
        ),
        type=kind,
    )
    return to_text(root)


def _prints(raw: Any, domain: Any, timeout_s: float) -> bool:
    """Whether anything comes out of the serial port in this time."""
    deadline = time.monotonic() + timeout_s
    stream = raw.newStream(libvirt.VIR_STREAM_NONBLOCK)
    try:
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_FORCE)
        while time.monotonic() < deadline:
            answer = stream.recv(1024)
            if answer == -2:  # nothing yet
                time.sleep(_POLL_S)
            else:
                return bool(answer) and _stays(domain)
    finally:
        with suppress(libvirt.libvirtError):
            stream.abort()
    return False


def _stays(domain: Any) -> bool:
    """Whether it still runs after a restart of its firmware: broken KVM pauses a machine half-way."""
    time.sleep(1.5 * _REBOOT_MS / 1000)
    return bool(domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING)
