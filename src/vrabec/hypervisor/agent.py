"""The agent inside a machine, and what its network's DHCP server gave it.

An agent may hang: use a connection of its own for these, so that nothing else waits.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import libvirt
import libvirt_qemu  # type: ignore[import-untyped]

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.errors import has_code

TIMEOUT_S = 2
_PING = '{"execute": "guest-ping"}'
_SILENT = (
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
    libvirt.VIR_ERR_AGENT_UNSYNCED,
    getattr(libvirt, "VIR_ERR_AGENT_COMMAND_TIMEOUT", -1),
    libvirt.VIR_ERR_OPERATION_INVALID,  # off
    libvirt.VIR_ERR_OPERATION_TIMEOUT,  # another call to the same agent waits already
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,  # no agent channel in its definition
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    libvirt.VIR_ERR_NO_SUPPORT,  # LXC, Xen, the test driver
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
)


def ping(host: HostConnection, uuid: str, timeout_s: int = TIMEOUT_S) -> bool:
    """Whether the agent answers within this time; False too when the machine is off or has none.

    Raises NotFound, Unavailable when the host does not answer.
    """
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        try:
            libvirt_qemu.qemuAgentCommand(domain, _PING, timeout_s, 0)
        except libvirt.libvirtError as error:
            if has_code(error, *_SILENT):
                return False
            raise
        return True


def addresses(host: HostConnection, uuid: str) -> tuple[str, ...]:
    """The guest's addresses as its agent says: IPv4 first, without loopback and link-local.

    Empty when the agent does not answer within 2 s. Raises NotFound, Unavailable.
    """
    return _addresses(host, uuid, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)


def lease_addresses(host: HostConnection, uuid: str) -> tuple[str, ...]:
    """The addresses that libvirt's own DHCP server gave the machine; others' servers are not known to it."""
    return _addresses(host, uuid, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)


def _addresses(host: HostConnection, uuid: str, source: int) -> tuple[str, ...]:
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        try:
            if source == libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT:
                domain.agentSetResponseTimeout(TIMEOUT_S, 0)  # libvirt's default is 5 s
            found = domain.interfaceAddresses(source, 0)
        except libvirt.libvirtError as error:
            if has_code(error, *_SILENT):
                return ()
            raise
    return usable(found)


def usable(interfaces: dict[str, Any]) -> tuple[str, ...]:
    """The addresses a person can reach, out of what libvirt answers: IPv4 first, each once."""
    texts = [entry["addr"] for interface in interfaces.values() for entry in interface["addrs"] or ()]
    parsed = []
    for text in dict.fromkeys(texts):
        try:
            address = ipaddress.ip_address(text)
        except ValueError:  # the guest says what it likes
            continue
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            parsed.append(address)
    return tuple(str(address) for address in sorted(parsed, key=lambda address: address.version))
