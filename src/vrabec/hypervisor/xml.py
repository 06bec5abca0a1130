"""Domain XML: made from a spec, read into facts, compared.

Values only ever go through lxml, which escapes them. Format: https://libvirt.org/formatdomain.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from lxml import etree

from vrabec.hypervisor.spec import USER_NETWORK, DiskFacts, DomainDefinition, VmSpec
from vrabec.lib.errors import HostError, Invalid

NAMESPACE = "https://vrabec.dev/xmlns/vm/1"
AGENT_CHANNEL = "org.qemu.guest_agent.0"
BALLOON_PERIOD_S = 10
_KIB_IN = {"b": 1 / 1024, "bytes": 1 / 1024, "kb": 1000 / 1024, "k": 1, "kib": 1}
_KIB_IN |= {"mb": 1000**2 / 1024, "m": 1024, "mib": 1024, "gb": 1000**3 / 1024, "g": 1024**2, "gib": 1024**2}
_KIB_IN |= {"tb": 1000**4 / 1024, "t": 1024**3, "tib": 1024**3}


def element(tag: str, *content: str | etree._Element, **attributes: str) -> etree._Element:
    """An element with text or children; lxml escapes whatever stands in them."""
    made = etree.Element(tag, attributes)
    for part in content:
        if isinstance(part, str):
            made.text = part
        else:
            made.append(part)
    return made


def to_text(root: etree._Element) -> str:
    """A document without declaration, indented."""
    return str(etree.tostring(root, pretty_print=True, encoding="unicode"))


def domain_xml(spec: VmSpec) -> str:
    """The definition of a machine: the same spec gives the same bytes.

    Raises Invalid when the spec cannot become a definition.
    """
    if spec.arch != "x86_64":
        raise Invalid(
            "Machines of the architecture %(arch)s cannot be made yet.", field="arch", arch=spec.arch
        )
    try:
        root = element(
            "domain",
            *_identity(spec),
            *_platform(spec),
            element("devices", *_devices(spec)),
            type=spec.domain_type,
        )
    except ValueError as error:  # lxml refuses NUL and other characters that XML has no way to write
        raise Invalid("A name or path has a character that cannot be stored.", raw=repr(error)) from error
    return to_text(root)


def _identity(spec: VmSpec) -> Iterator[etree._Element]:
    yield element("name", spec.name)
    yield element("uuid", spec.uuid)
    if title := plain(spec.title):
        yield element("title", title)
    yield element("metadata", _mark(spec))


def _mark(spec: VmSpec) -> etree._Element:
    """What makes the machine ours: our id of it, in a namespace of our own."""
    mark = etree.Element(f"{{{NAMESPACE}}}vm", nsmap={"vrabec": NAMESPACE})
    mark.set("id", str(spec.vm_id))
    for name in ("project", "controller"):
        if value := getattr(spec, name):
            mark.set(name, value)
    return mark


def plain(text: str) -> str:
    """`text` on one line: libvirt refuses line breaks in a title, XML has no control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _platform(spec: VmSpec) -> Iterator[etree._Element]:
    yield element("memory", str(spec.memory_mib), unit="MiB")
    yield element("vcpu", str(spec.cpus))
    yield _os(spec)
    yield element("features", element("acpi"), element("apic"), element("vmport", state="off"))
    yield cpu_element(spec.domain_type, spec.cpu)
    # Without HPET a Linux guest sleeps; with it QEMU wakes for every tick of it.
    yield element(
        "clock",
        element("timer", name="rtc", tickpolicy="catchup"),
        element("timer", name="pit", tickpolicy="delay"),
        element("timer", name="hpet", present="no"),
        offset="utc",
    )
    yield element("on_poweroff", "destroy")
    yield element("on_reboot", "restart")
    yield element("on_crash", "destroy")
    yield element("pm", element("suspend-to-mem", enabled="no"), element("suspend-to-disk", enabled="no"))


def _os(spec: VmSpec) -> etree._Element:
    """What starts the guest. For UEFI the host's libvirt picks one of the files that the host has."""
    kind = element("type", "hvm", arch=spec.arch, machine="q35")
    if spec.firmware != "uefi":
        return element("os", kind, element("boot", dev="hd"))
    # Without Secure Boot: it needs SMM, slow under emulation, and refuses guests that are not signed.
    features = (element("feature", enabled="no", name=name) for name in ("enrolled-keys", "secure-boot"))
    return element("os", kind, element("firmware", *features), element("boot", dev="hd"), firmware="efi")


def cpu_element(domain_type: str, baseline: str = "") -> etree._Element:
    """KVM: the host's model, which can still move to an equal host, or the `baseline` of several.

    Emulation: all that QEMU can do.
    """
    if baseline:
        found = parse(baseline)
        found.set("check", "partial")
        return found
    if domain_type == "kvm":
        return element("cpu", mode="host-model", check="partial")
    return element("cpu", mode="maximum", check="none")


def _devices(spec: VmSpec) -> Iterator[etree._Element]:
    yield _disk(spec.disk_path)
    if spec.seed_path:
        yield _seed(spec.seed_path)
    # A USB controller's devices are polled, which wakes an idle guest's QEMU all the time; none is needed.
    yield element("controller", type="usb", model="none")
    yield _interface(spec)
    yield element("serial", element("target", type="isa-serial", port="0"), type="pty")
    yield element("console", element("target", type="serial", port="0"), type="pty")
    if spec.has_agent:
        yield element("channel", element("target", type="virtio", name=AGENT_CHANNEL), type="unix")
    # A TCP port on the host's loopback would be open to every user there.
    yield element("graphics", element("listen", type="socket"), type="vnc")
    yield element("video", element("model", type="vga", vram="16384", heads="1", primary="yes"))
    yield element("memballoon", element("stats", period=str(BALLOON_PERIOD_S)), model="virtio")
    yield element("rng", element("backend", "/dev/urandom", model="random"), model="virtio")
    yield element("panic", model="isa")  # a guest's panic becomes libvirt's "crashed"


def _interface(spec: VmSpec) -> etree._Element:
    parts = [element("mac", address=spec.mac), element("model", type="virtio")]
    if spec.network == USER_NETWORK:
        return element("interface", *parts, type="user")
    return element("interface", parts[0], element("source", network=spec.network), parts[1], type="network")


def _disk(path: str) -> etree._Element:
    # cache=none needs O_DIRECT, which tmpfs and some network file systems lack; writeback obeys the guest's
    # flushes too, and clones of one template share its pages in the host's memory.
    return element(
        "disk",
        element("driver", name="qemu", type="qcow2", cache="writeback", discard="unmap"),
        element("source", file=path),
        element("target", dev="vda", bus="virtio"),
        type="file",
        device="disk",
    )


def _seed(path: str) -> etree._Element:
    # Not a SATA CD-ROM: the kernel of Debian 12's cloud images has no AHCI. cloud-init goes by the label.
    return element(
        "disk",
        element("driver", name="qemu", type="raw"),
        element("source", file=path),
        element("target", dev="vdb", bus="virtio"),
        element("readonly"),
        type="file",
        device="disk",
    )


def parse(xml: str, *, keep_comments: bool = False, keep_blanks: bool = True) -> etree._Element:
    """The root of a document from a host, which is not trusted: no entities, no network.

    Without `keep_blanks` white space between elements is left out. Raises HostError when it is not XML.
    """
    drop = not keep_comments
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        remove_comments=drop,
        remove_pis=drop,
        remove_blank_text=not keep_blanks,
    )
    try:
        return etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise HostError("The host sent XML that cannot be read.", raw=str(error)) from error


class Domain:
    """A domain's document, gone through once: asking lxml for each part takes five times as long."""

    def __init__(self, xml: str) -> None:
        """Raises HostError when it is not XML."""
        self.root = parse(xml, keep_blanks=False)
        self.parts: dict[str, etree._Element] = {}
        for part in self.root:
            self.parts.setdefault(str(part.tag), part)
        self.devices: dict[str, list[etree._Element]] = {}
        for device in self.parts.get("devices", ()):
            self.devices.setdefault(str(device.tag), []).append(device)

    def text(self, tag: str) -> str:
        """The text of a part, "" where it is missing."""
        part = self.parts.get(tag)
        return (part.text or "") if part is not None else ""

    @property
    def cpus(self) -> int:
        """CPUs that are plugged in: "current" when it differs from the maximum."""
        vcpu = self.parts.get("vcpu")
        if vcpu is None:
            return 1
        return _number(vcpu.get("current")) or _number(vcpu.text) or 1

    @property
    def memory_mib(self) -> int:
        """What it may use at most."""
        memory = self.parts.get("memory")
        if memory is None:
            return 0
        kib = (_number(memory.text) or 0) * _KIB_IN.get(memory.get("unit", "KiB").lower(), 1)
        return round(kib / 1024)


def read_domain(xml: str) -> DomainDefinition:
    """What stands in a domain's XML, of any driver and by anybody."""
    return definition_of(Domain(xml))


def definition_of(domain: Domain) -> DomainDefinition:
    """As `read_domain`, of a document that was parsed already."""
    devices, metadata = domain.devices, domain.parts.get("metadata")
    mark = metadata.find(f"{{{NAMESPACE}}}vm") if metadata is not None else None
    agent = _agent(devices.get("channel", ()))
    return DomainDefinition(
        uuid=domain.text("uuid"),
        name=domain.text("name"),
        title=domain.text("title"),
        domain_type=domain.root.get("type", ""),
        cpus=domain.cpus,
        memory_mib=domain.memory_mib,
        disks=tuple(_read_disk(disk) for disk in devices.get("disk", ())),
        macs=tuple(_macs(devices.get("interface", ()))),
        networks=tuple(_networks(devices.get("interface", ()))),
        has_agent_channel=agent is not None,
        agent_connected=agent is not None and agent.get("state") == "connected",
        vrabec_id=_number(mark.get("id")) if mark is not None else None,
        controller=mark.get("controller", "") if mark is not None else "",
    )


def _agent(channels: Iterable[etree._Element]) -> etree._Element | None:
    targets = (channel.find("target") for channel in channels)
    return next((one for one in targets if one is not None and one.get("name") == AGENT_CHANNEL), None)


def _macs(interfaces: Iterable[etree._Element]) -> Iterator[str]:
    for interface in interfaces:
        mac = interface.find("mac")
        if mac is not None and (address := mac.get("address")):
            yield address


def _networks(interfaces: Iterable[etree._Element]) -> Iterator[str]:
    for interface in interfaces:
        source = interface.find("source")
        if interface.get("type") == "user":
            yield USER_NETWORK
        elif source is not None and (name := source.get("network")):
            yield name


def _read_disk(disk: etree._Element) -> DiskFacts:
    source, target, driver = disk.find("source"), disk.find("target"), disk.find("driver")
    where = {str(key): str(value) for key, value in source.items()} if source is not None else {}
    return DiskFacts(
        target=target.get("dev", "") if target is not None else "",
        device=disk.get("device", "disk"),
        path=where.get("file") or where.get("dev") or where.get("dir") or "",
        pool=where.get("pool", ""),
        volume=where.get("volume", ""),
        format=driver.get("type", "") if driver is not None else "",
    )


def _number(text: str | None) -> int | None:
    """A whole number; anything else, which somebody may have written into the XML, is None."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


_UNTIDY = etree.XPath("//text()[normalize-space(.) != .]")
"""Texts with white space around them, or much of it inside; what separates elements is none of them."""


def canonical(xml: str) -> bytes:
    """The document without what has no meaning: white space, comments, order of attributes and controllers.

    Format: Canonical XML 1.0, https://www.w3.org/TR/xml-c14n (2.0 takes four times as long)
    """
    root = parse(xml, keep_blanks=False)
    for text in cast("list[Any]", _UNTIDY(root)):
        node = text.getparent()
        if text.is_tail:
            node.tail = text.strip()
        else:
            node.text = text.strip()
    devices = root.find("devices")
    if devices is not None:
        # libvirt 9.0 puts the controllers it adds itself in another order when it reads its own document
        # again: at a machine's first start, at its own. They are known by type and index.
        controllers = sorted(devices.findall("controller"), key=lambda node: sorted(node.items()))
        devices.extend(controllers)
    return etree.tostring(root, method="c14n", with_comments=False)
