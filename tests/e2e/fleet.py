"""A whole Vrabec with three hosts on a switch, and machines that were there before it came."""

import os
from pathlib import Path

from tests.e2e.controller import BUILD_SECONDS, Controller
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until
from tests.lab import LabHost
from tests.lab.guests import diskless
from tests.lab.switch import LabSwitch

NAMES = ("kvm1", "kvm2", "kvm3")
FILLING_MIB = 32
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_FILLED = """<qemu:commandline><qemu:arg value="-device"/>\
<qemu:arg value="loader,file={file},addr=0x1000000,force-raw=on"/></qemu:commandline></domain>"""


class Fleet(Controller):
    """It has hosts kvm1, kvm2 and kvm3; the last has no network. No template, no project."""

    def __init__(self) -> None:
        super().__init__()
        self.switch = LabSwitch()
        self.hosts: dict[str, LabHost] = {}

    def _power_on(self) -> None:
        self.switch.__enter__()
        for name in NAMES:
            self.hosts[name] = LabHost(name, self.root / name, storage_mib=64, switch=self.switch)
            self.hosts[name].__enter__()
        self.host = self.hosts["kvm1"]
        self.hosts["kvm3"].run("virsh", "net-destroy", "default")

    def _power_off(self) -> None:
        for host in self.hosts.values():
            host.close()
        self.switch.close()

    def _prepare(self) -> None:
        with self.client() as client:
            for name, host in self.hosts.items():
                client.wait_for_job(client.add_host(name, host.uri)["id"], timeout=BUILD_SECONDS)
        self.wait_online()

    @property
    def virsh(self) -> dict[str, list[str]]:
        """What runs where, as the hosts say."""
        return {name: sorted(OnHost(host).domains()) for name, host in self.hosts.items()}

    def runs(self, name: str, *, slowly: bool = False) -> int:
        """A machine on kvm1, made by somebody else; its id once it is shown. `slowly`: it moves slowly."""
        xml = self._filled(diskless(name)) if slowly else diskless(name)
        with OnHost(self.host).libvirt() as connection:
            domain = connection.defineXML(xml)
            domain.create()
            if slowly:
                domain.migrateSetMaxSpeed(1)  # MiB/s
        with self.client() as client:

            def shown() -> int:
                found = client.list_vms(per_page=500)["items"]
                return next((vm["id"] for vm in found if vm["name"] == name and vm["state"] == "running"), 0)

            return wait_until(shown, f"{name} is shown")

    def hurry(self, name: str) -> None:
        """Let it move as fast as it goes."""
        with OnHost(self.host).libvirt() as connection:
            connection.lookupByName(name).migrateSetMaxSpeed(10_000)

    def clear(self) -> None:
        """Remove every machine from every host, once no job works on any."""
        with self.client() as client:
            wait_until(lambda: not client.list_jobs(active=True)["items"], "no job is left")
            for host in self.hosts.values():
                _empty(host)
            wait_until(lambda: not client.list_vms()["items"], "no machine is shown")

    def _filled(self, xml: str) -> str:
        """With memory that does not compress."""
        file = Path(self.host.directory / "filling")
        file.write_bytes(os.urandom(FILLING_MIB * 2**20))
        named = xml.replace("<domain ", f'<domain xmlns:qemu="{_QEMU}" ')
        return named.replace("</domain>", _FILLED.format(file=file)).replace(
            '<memory unit="MiB">32<', '<memory unit="MiB">64<'
        )


def _empty(host: LabHost) -> None:
    with OnHost(host).libvirt() as connection:
        for domain in connection.listAllDomains():
            if domain.isActive():
                domain.destroy()
            domain.undefine()
