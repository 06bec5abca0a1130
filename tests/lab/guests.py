"""Machines for the lab's hosts."""


def diskless(name: str, *, memory_mib: int = 32) -> str:
    """Domain XML of a guest under emulation that runs for ever, without a disk, on the default network."""
    return f"""\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">{memory_mib}</memory>
  <os><type>hvm</type></os>
  <devices><interface type="network"><source network="default"/></interface></devices>
</domain>
"""
