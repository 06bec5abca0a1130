"""The files under /etc/libvirt of a lab host: daemon and QEMU settings, a NAT network, a storage pool."""

import shutil
from pathlib import Path
from uuid import UUID

LIBVIRTD_CONF = """\
host_uuid = "{uuid}"
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_dir = "/run/libvirt"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
"""

QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""

NETWORK = """\
<network>
  <name>default</name>
  <forward mode="nat"/>
  <bridge name="virbr0" stp="on" delay="0"/>
  <ip address="192.168.122.1" netmask="255.255.255.0">
    <dhcp><range start="192.168.122.2" end="192.168.122.254"/></dhcp>
  </ip>
</network>
"""

POOL = """\
<pool type="dir">
  <name>default</name>
  <target><path>/var/lib/libvirt/images</path></target>
</pool>
"""


def write(etc: Path, uuid: UUID) -> None:
    """Write what a freshly installed host has, plus the pool that most hosts have."""
    (etc / "libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=uuid))
    (etc / "qemu.conf").write_text(QEMU_CONF)
    _autostarted(etc, "qemu/networks", NETWORK)
    _autostarted(etc, "storage", POOL)
    shutil.copytree("/etc/libvirt/nwfilter", etc / "nwfilter")


def _autostarted(etc: Path, folder: str, xml: str) -> None:
    (etc / folder / "autostart").mkdir(parents=True)
    (etc / folder / "default.xml").write_text(xml)
    (etc / folder / "autostart/default.xml").symlink_to(f"/etc/libvirt/{folder}/default.xml")
