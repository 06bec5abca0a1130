"""Machines for the lab's hosts."""


def diskless(name: str, *, memory_mib: int = 32, network: str = "default") -> str:
    """Domain XML of a guest under emulation that runs for ever, without a disk; `network` "" is none."""
    interface = f'<interface type="network"><source network="{network}"/></interface>' if network else ""
    return f"""\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">{memory_mib}</memory>
  <os><type>hvm</type></os>
  <devices>{interface}</devices>
</domain>
"""
