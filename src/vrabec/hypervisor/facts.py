"""What a host is: its name, size, versions and networks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import libvirt
from lxml import etree

from vrabec.hypervisor import xml
from vrabec.hypervisor.connection import HostConnection, version_text
from vrabec.hypervisor.needs import offers_of
from vrabec.hypervisor.spec import USER_NETWORK, HostFacts


def host_facts(host: HostConnection) -> HostFacts:
    """Ask a host what it is. The first time libvirt may take seconds: it asks each QEMU what it can do."""
    with host.calling() as raw:
        cpus = raw.getInfo()[2]
        capabilities = xml.parse(raw.getCapabilities())
        arch = capabilities.findtext("host/cpu/arch", "")
        return HostFacts(
            hostname=raw.getHostname(),
            host_uuid=capabilities.findtext("host/uuid", ""),
            arch=arch,
            cpus=cpus,
            memory_mib=_memory_mib(raw),
            libvirt_version=version_text(raw.getLibVersion()),
            hypervisor=raw.getType(),
            hypervisor_version=version_text(raw.getVersion()),
            domain_types=domain_types(capabilities, arch),
            networks=(networks := _networks(raw)),
            offers=offers_of(host, networks),
        )


def _memory_mib(raw: Any) -> int:
    """All memory of the host. getInfo counts NUMA nodes, which lack what was plugged in later."""
    try:
        total_kib = raw.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)["total"]
    except (libvirt.libvirtError, KeyError):  # Xen and the test driver have no such statistics
        return int(raw.getInfo()[1])
    return int(total_kib) // 1024


def _networks(raw: Any) -> tuple[str, ...]:
    found = raw.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)
    own = (USER_NETWORK,) if urlsplit(raw.getURI()).path == "/session" else ()
    return (*sorted(network.name() for network in found), *own)


def domain_types(capabilities: etree._Element, arch: str) -> tuple[str, ...]:
    """How full machines of the host's own architecture may run, as libvirt believes."""
    found = []
    for guest in capabilities.iterfind("guest"):
        inside = guest.find("arch")
        if inside is not None and inside.get("name") == arch:
            found += [kind for domain in inside.iterfind("domain") if (kind := domain.get("type"))]
    return tuple(dict.fromkeys(found))
