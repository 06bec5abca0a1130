"""Addresses of those who ask, as far as they tell one from another."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address


def network_of(address: str) -> str:
    """What one household or one machine has: an IPv4 address, the /64 of an IPv6 one (RFC 6177).

    An IPv4 address within IPv6 ("::ffff:192.0.2.7") is the IPv4 one; what is no address stays as it is.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, 64), strict=False))
