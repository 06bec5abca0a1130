"""What a machine is, changed: its name, title, CPUs, memory and the size of its disk.

A definition is edited in place, on the dump of the next start with its secrets: what others wrote into it
stays. Every verb may be repeated: done already is success.
"""

from __future__ import annotations

from collections.abc import Callable

import libvirt
from lxml import etree

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.xml import canonical, element, parse, plain
from vrabec.lib.errors import HostError

Change = Callable[[etree._Element], None]
_DUMP = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_SIZES = ("vcpu", "memory", "currentMemory")
_BY_HAND = {"cpus": ("vcpus", "cpu/topology", "cpu/numa"), "memory_mib": ("maxMemory", "cpu/numa")}
_BEFORE_TITLE = ("name", "uuid", "genid")
MIB = 1024 * 1024


def rename(host: HostConnection, uuid: str, name: str) -> None:
    """Give a machine that is off another name on its host.

    Raises NotFound, WrongState when it runs, Conflict when another machine there has the name.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if domain.name() != name:
            domain.rename(name, 0)


def redefine(host: HostConnection, uuid: str, change: Change) -> None:
    """Define a machine anew as it is but for `change`; what runs goes on as it is until its next start.

    Raises NotFound; HostError when the host would make more, or less, of it: then nothing is changed.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        before = str(domain.XMLDesc(_DUMP))
        wanted = changed(before, change)
        if canonical(wanted) == canonical(before):
            return
        domain = raw.defineXML(wanted)
        if canonical(str(domain.XMLDesc(_DUMP))) != canonical(wanted):
            raw.defineXML(before)
            raise HostError(
                "The host would change more of %(name)s than was asked; it stays as it was. Look at its XML.",
                name=domain.name(),
            )


def sizes(host: HostConnection, uuid: str) -> dict[str, str]:
    """CPUs and memory as the definition has them, each element as its XML, to put back with `restore`."""
    with host.calling() as raw:
        root = parse(str(raw.lookupByUUIDString(uuid).XMLDesc(_DUMP)))
    found = {tag: root.find(tag) for tag in _SIZES}
    return {tag: _text(node) for tag, node in found.items() if node is not None}


def grow_running_disk(host: HostConnection, uuid: str, path: str, capacity_mib: int) -> None:
    """Make the disk of a running machine larger; its guest sees it at once. As large already is success.

    Raises NotFound, WrongState when it does not run, NoCapacity.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        if domain.blockInfo(path)[0] < capacity_mib * MIB:
            domain.blockResize(path, capacity_mib * MIB, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)


def changed(xml: str, change: Change) -> str:
    """The document after `change`; all else, comments too, as it stood. Raises HostError: not XML."""
    root = parse(xml, keep_comments=True)
    change(root)
    return _text(root)


def _text(node: etree._Element) -> str:
    return str(etree.tostring(node, encoding="unicode", with_tail=False))


def retitle(old: str, new: str) -> Change:
    """The title `new` where it was `old`; one that somebody else wrote stays."""

    def change(root: etree._Element) -> None:
        title = root.find("title")
        if title is None:
            place = max(root.index(node) for node in root if node.tag in _BEFORE_TITLE)
            root.insert(place + 1, element("title", plain(new)))
        elif title.text == plain(old):
            title.text = plain(new)

    return change


def resize(*, cpus: int | None = None, memory_mib: int | None = None) -> Change:
    """So many CPUs, so much memory; None leaves it. Raises HostError where they are laid out by hand."""

    def change(root: etree._Element) -> None:
        for field, value in (("cpus", cpus), ("memory_mib", memory_mib)):
            for path in _BY_HAND[field] if value is not None else ():
                if root.find(path) is not None:
                    raise HostError(
                        "Its definition has <%(tag)s>, written by hand: change it there.",
                        tag=path.rpartition("/")[2],
                    )
        if cpus is not None:
            _set(root, "vcpu", str(cpus))
        if memory_mib is not None:
            _set(root, "memory", str(memory_mib * 1024), unit="KiB")
            _set(root, "currentMemory", str(memory_mib * 1024), unit="KiB")

    return change


def restore(old: dict[str, str]) -> Change:
    """The elements that `sizes` gave, as they were."""

    def change(root: etree._Element) -> None:
        for tag, text in old.items():
            node = root.find(tag)
            if node is not None:
                root.replace(node, parse(text))

    return change


def _set(root: etree._Element, tag: str, text: str, **attributes: str) -> None:
    node = root.find(tag)
    if node is None:
        raise HostError("Its definition has no <%(tag)s>.", tag=tag)
    node.text = text
    node.attrib.pop("current", "")  # CPUs that are not plugged in: all of them are, now
    for name, value in attributes.items():
        node.set(name, value)
