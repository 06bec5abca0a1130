"""Machines for the lab's hosts."""

from pathlib import Path


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


def booting(name: str, disk: Path, *, network: str = "default") -> str:
    """Domain XML of a guest that boots from this qcow2 file and has an agent inside."""
    return f"""\
<domain type="qemu">
  <name>{name}</name>
  <memory unit="MiB">192</memory>
  <os><type machine="q35">hvm</type><boot dev="hd"/></os>
  <features><acpi/></features>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2"/><source file="{disk}"/><target dev="vda" bus="virtio"/>
    </disk>
    <interface type="network"><source network="{network}"/><model type="virtio"/></interface>
    <channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
  </devices>
</domain>
"""


def writing() -> bytes:
    """A boot sector: a guest that writes some 60 MiB a second, one word in each page of 8 MiB, for ever.

    It is 32-bit code, entered from the BIOS by a table of flat segments.
    """
    code = bytes.fromhex(
        "fa 31c0 8ed8"  # cli; ds = 0
        "66 0f0116 587c"  # lgdt [0x7c58]
        "0f20c0 0c01 0f22c0"  # protected mode on
        "66 ea 1b7c0000 0800"  # jump to 0x7c1b in segment 8
        "66b81000 8ed8"  # 0x7c1b: ds = 0x10
        "bf 00000001"  # again: edi = 16 MiB
        "891f 43"  # page: [edi] = ebx++
        "b9 d0070000 e2fe"  # count 2,000 down
        "81c7 00100000"  # the next page
        "81ff 00008001 72e8"  # up to 24 MiB: page
        "ebe1"  # again
    )
    segments = bytes.fromhex("0000000000000000 ffff0000009acf00 ffff00000092cf00")
    table = bytes.fromhex("1700 407c0000")  # its size and address, 0x7c40
    return (code.ljust(0x40, b"\0") + segments + table).ljust(510, b"\0") + b"\x55\xaa"
