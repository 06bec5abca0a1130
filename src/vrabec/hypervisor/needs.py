"""What a machine needs of a host, out of its definition, and what a host offers, out of its capabilities.

Formats: https://libvirt.org/formatdomain.html, formatcaps.html, formatdomaincaps.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import libvirt
from lxml import etree

from vrabec.hypervisor import xml
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code
from vrabec.lib.errors import HostError
from vrabec.lib.fit import Baseline, Needs, Offers


def needs_of(domain: xml.Domain) -> Needs:
    """What stands in the definition of a running machine: there libvirt has written its CPU out."""
    devices, cpu, system = domain.devices, domain.parts.get("cpu"), domain.parts.get("os")
    kind = system.find("type") if system is not None else None
    is_custom = cpu is not None and cpu.get("mode") == "custom"
    policies = _policies(cpu) if is_custom else {}
    required = sorted(name for name, policy in policies.items() if policy in ("require", "force"))
    return Needs(
        domain_type=domain.root.get("type", ""),
        arch=kind.get("arch", "") if kind is not None else "",
        machine=kind.get("machine", "") if kind is not None else "",
        model=cpu.findtext("model", "") if is_custom and cpu is not None else "",
        features=tuple(required),
        drops_features="disable" in policies.values() or "forbid" in policies.values(),
        networks=tuple(dict.fromkeys(_networks(devices.get("interface", ())))),
        devices=tuple(_held(devices)),
        media=tuple(_media(devices.get("disk", ()))),
        caches=tuple(sorted(_caches(devices.get("disk", ())))),
        disks=tuple(filter(None, map(_place, devices.get("disk", ())))),
    )


def _policies(cpu: etree._Element | None) -> dict[str, str]:
    if cpu is None:
        return {}
    return {feature.get("name", ""): feature.get("policy", "require") for feature in cpu.iterfind("feature")}


def _networks(interfaces: Iterable[etree._Element]) -> Iterator[str]:
    for interface in interfaces:
        source = interface.find("source") if interface.get("type") == "network" else None
        if source is not None and (name := source.get("network")):
            yield name


def _held(devices: Mapping[str, list[etree._Element]]) -> Iterator[str]:
    for device in devices.get("hostdev", ()):
        address = device.find("source/address")
        where = "-".join(str(value) for value in address.values()) if address is not None else ""
        yield f"{device.get('type', 'device')} {where}".strip()
    if any(interface.get("type") == "hostdev" for interface in devices.get("interface", ())):
        yield "network card"


def _place(disk: etree._Element) -> str:
    """Where a disk lies; "" for what is in a drive."""
    source = disk.find("source") if disk.get("device", "disk") in ("disk", "lun") else None
    if source is None:
        return ""
    if volume := source.get("volume"):
        return f"{source.get('pool', '')}/{volume}"
    return source.get("file") or source.get("dev") or source.get("name") or ""


def _media(disks: Iterable[etree._Element]) -> Iterator[str]:
    for disk in disks:
        kind = disk.get("device", "disk")
        source = disk.find("source") if kind in ("cdrom", "floppy") else None
        if source is not None:
            yield source.get("file") or source.get("dev") or source.get("volume") or kind


def _caches(disks: Iterable[etree._Element]) -> set[str]:
    written = [disk for disk in disks if disk.get("device") == "disk" and disk.find("readonly") is None]
    drivers = (disk.find("driver") for disk in written)
    return {driver.get("cache", "default") for driver in drivers if driver is not None}


def offers_of(host: HostConnection, networks: tuple[str, ...]) -> Offers:
    """What the host offers to machines that come. Drivers without domain capabilities say less."""
    with host.calling() as raw:
        capabilities = xml.parse(raw.getCapabilities())
        arch = capabilities.findtext("host/cpu/arch", "")
        machines: dict[str, None] = {}
        types: dict[str, None] = {}
        for inside in capabilities.iterfind(f"guest/arch[@name='{arch}']"):
            machines |= {name: None for machine in inside.iter("machine") for name in _names(machine)}
            types |= {domain.get("type", ""): None for domain in inside.iterfind("domain")}
        models, features, cpu = _cpu(raw, arch, "kvm" if "kvm" in types else "qemu")
        qemu = raw.getVersion() // 1_000_000 if raw.getType() == "QEMU" else 0
        return Offers(arch, tuple(types), tuple(machines), models, features, networks, qemu, cpu)


def _names(machine: etree._Element) -> Iterator[str]:
    """A machine type has its own name and, where it is an alias such as q35, the one of a version."""
    yield from filter(None, (machine.text, machine.get("canonical")))


def _cpu(raw: Any, arch: str, kind: str) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Models that a guest may have here, and flags; and the host's own CPU."""
    with suppress(libvirt.libvirtError):
        root = xml.parse(raw.getDomainCapabilities(None, arch, None, kind, 0))
        usable = root.iterfind("cpu/mode[@name='custom']/model[@usable='yes']")
        models = tuple(model.text or "" for model in usable)
        mode = root.find("cpu/mode[@name='host-model'][@supported='yes']")
        if mode is None:
            return models, (), ""
        named = xml.element("cpu")
        named.extend(child for child in mode if child.tag in ("model", "vendor", "feature"))
        cpu = xml.to_text(named)
        return models, _features(raw, arch, kind, [cpu]), cpu
    return (), (), ""


def _features(raw: Any, arch: str, kind: str, cpus: Sequence[str]) -> tuple[str, ...]:
    """All flags that these CPUs have in common, those included that a model's name stands for."""
    flags = libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES
    policies = _policies(xml.parse(raw.baselineHypervisorCPU(None, arch, None, kind, list(cpus), flags)))
    return tuple(sorted(name for name, policy in policies.items() if policy != "disable"))


def baseline_of(host: HostConnection, arch: str, kind: str, cpus: Sequence[str]) -> Baseline:
    """What all of these CPUs can (each as in Offers), by this host's libvirt.

    It must be the newest of theirs: an older one does not know the names of newer flags. Those that keep a
    guest from moving are left out. Raises HostError.
    """
    with host.calling() as raw:
        flag = libvirt.VIR_CONNECT_BASELINE_CPU_MIGRATABLE
        text = raw.baselineHypervisorCPU(None, arch, None, kind, list(cpus), flag)
        model = xml.parse(text).findtext("model", "")
        return Baseline(text, model, _features(raw, arch, kind, [text]))


def require_cpu(host: HostConnection, text: str) -> None:
    """Raise HostError, in libvirt's words, when the CPU of this running machine cannot be had on the host.

    A machine whose CPU is whatever its host has is left to the host.
    """
    root = xml.parse(text)
    cpu, kind = root.find("cpu"), root.find("os/type")
    if cpu is None or cpu.get("mode") != "custom" or kind is None:
        return
    flag = libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE
    with host.calling() as raw:
        try:
            raw.compareHypervisorCPU(
                None, kind.get("arch"), kind.get("machine"), root.get("type"), xml.to_text(cpu), flag
            )
        except libvirt.libvirtError as error:
            if not has_code(error, libvirt.VIR_ERR_CPU_INCOMPATIBLE):
                raise
            words = error.get_error_message() or ""
            raise HostError("Its CPU does not fit: %(words)s", words=words, raw=str(error)) from error
