"""Machines as they lie on a host, and the same machine under another name: so ours and the floor stay equal.

What a machine has of its own is its name, UUID, MAC address and Vrabec's number, wherever they stand: in the
domain, in the names of its volumes, in the seed's bytes. With those exchanged equal ones are equal bytes.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import libvirt
from lxml import etree

from tests.bench.floor import Parts

PROJECT = "main"
NETWORK_BYTES = "52:54:00"
_MARK = re.compile(rb"(<vrabec:vm [^>]*\bid=\")\d+")
_HOSTS_OWN = (
    *("key", "physical", "target/path", "target/permissions", "target/timestamps"),
    *("backingStore/permissions", "backingStore/timestamps"),
)
"""What libvirt says of a volume, and nobody asks for."""


@dataclass(frozen=True)
class Identity:
    """What a machine has of its own. Names of one length keep the seeds' bytes where they are."""

    name: str
    uuid: str
    mac: str
    number: int = 0

    @staticmethod
    def numbered(name: str, number: int) -> "Identity":
        """An identity for the floor; the number makes it differ from every other."""
        digits = f"{number:012x}"
        mac = f"{NETWORK_BYTES}:f0:{digits[-4:-2]}:{digits[-2:]}"
        return Identity(name, f"{digits[-8:]}-0000-4000-8000-{digits}", mac, number)

    @property
    def domain(self) -> str:
        """The name on the host."""
        return f"{PROJECT}.{self.name}"


NOBODY = Identity.numbered("bench-none-00", 0)


@dataclass(frozen=True)
class Picture:
    """A machine as it lies on a host: its definition, disk and seed."""

    domain: bytes
    disk: bytes
    seed: bytes
    seed_content: bytes

    @staticmethod
    def take(raw: Any, name: str) -> "Picture":
        """Look at the machine whose domain is called `name`."""
        domain = raw.lookupByName(name).XMLDesc(
            libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
        )
        paths = [
            source.get("file", "") for source in etree.fromstring(domain).iterfind("devices/disk/source")
        ]
        disk, seed = (raw.storageVolLookupByPath(path) for path in paths)
        return Picture(domain.encode(), _asked(disk), _asked(seed), _download(raw, seed))

    def of_another(self, mine: Identity, other: Identity) -> "Picture":
        """The same machine with another's identity."""
        return Picture(*(_exchanged(part, mine, other) for part in vars(self).values()))

    def fingerprint(self, mine: Identity) -> str:
        """SHA-256 of all that is not the machine's own."""
        return hashlib.sha256(b"\0".join(vars(self.normal(mine)).values())).hexdigest()

    def normal(self, mine: Identity) -> "Picture":
        """The machine as nobody's."""
        return self.of_another(mine, NOBODY)

    def parts(self, identity: Identity) -> Parts:
        """What the floor has to make."""
        volumes = (self.disk, self.seed)
        names = tuple(etree.fromstring(volume).findtext("name", "") for volume in volumes)
        return Parts(
            identity.uuid,
            self.disk.decode(),
            self.seed.decode(),
            base64.b64encode(self.seed_content).decode(),
            self.domain.decode(),
            names,
        )


def _asked(volume: Any) -> bytes:
    """What somebody asked for who made this volume: libvirt's description without its own additions."""
    root = etree.fromstring(volume.XMLDesc())
    root.attrib.clear()
    is_raw = root.find("target/format[@type='raw']") is not None
    for path in (*_HOSTS_OWN, *(() if is_raw else ("allocation",))):
        for part in root.findall(path):
            part.getparent().remove(part)  # type: ignore[union-attr]
    return etree.tostring(root)


def _download(raw: Any, volume: Any) -> bytes:
    content = bytearray()
    stream = raw.newStream(0)
    volume.download(stream, 0, 0, 0)
    stream.recvAll(_into(content), None)
    stream.finish()
    return bytes(content)


def _into(content: bytearray) -> Callable[..., int]:
    def take(_stream: Any, piece: bytes, _opaque: None) -> int:
        content.extend(piece)
        return len(piece)

    return take


def _exchanged(content: bytes, mine: Identity, other: Identity) -> bytes:
    content = _MARK.sub(rb"\g<1>%d" % other.number, content)
    for one, another in ((mine.uuid, other.uuid), (mine.uuid[:8], other.uuid[:8]), (mine.mac, other.mac)):
        content = content.replace(one.encode(), another.encode())
    return content.replace(mine.name.encode(), other.name.encode())
