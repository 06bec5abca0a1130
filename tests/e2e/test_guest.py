"""What a guest knows after its first boot is what was asked for, in the words of its own agent."""

import base64
import json

import libvirt
import libvirt_qemu

from tests.e2e.controller import Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2sWkQ8q0b0fQ9bVtQ0mH0c2m4s1r5o8o1b0eGkVv8E ada@laptop"


def test_a_guest_has_the_name_key_password_and_address_it_was_given(
    controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    machines.create(
        "robin",
        cpus=1,
        memory_mib=192,
        disk_mib=1024,
        address="192.168.122.77/24",
        gateway="192.168.122.1",
        ssh_keys=[KEY],
        password="seven sparrows",
        run=["echo \"ran 'it' <twice> && once\" >/tmp/ran"],
    )
    with on_host.libvirt() as connection:
        guest = connection.lookupByName("main.robin")
        assert say(guest, "guest-get-host-name")["host-name"] == "robin"
        assert KEY in read(guest, "/root/.ssh/authorized_keys")
        assert read(guest, "/etc/shadow").startswith("root:$6$")
        wait_until(lambda: read(guest, "/tmp/ran") == "ran 'it' <twice> && once\n", "the command has run")
        wait_until(lambda: "192.168.122.77" in addresses(guest), "the guest has its address")
    wait_until(lambda: machines.present()["robin"]["address"] == "192.168.122.77", "Vrabec shows it")


def test_a_guest_without_an_address_asks_by_dhcp(machines: Machines) -> None:
    machines.create("tit")
    wait_until(lambda: machines.present()["tit"]["address"].startswith("192.168.122."), "an address is shown")


def say(guest: libvirt.virDomain, command: str, **arguments: object) -> dict[str, object]:
    """The agent's answer to one command."""
    asked = json.dumps({"execute": command, "arguments": arguments})
    answer: dict[str, object] = json.loads(libvirt_qemu.qemuAgentCommand(guest, asked, 60, 0))["return"]
    return answer


def read(guest: libvirt.virDomain, path: str) -> str:
    """A file of the guest's, "" where there is none."""
    try:
        handle = say(guest, "guest-file-open", path=path, mode="r")
    except libvirt.libvirtError:
        return ""
    found = say(guest, "guest-file-read", handle=handle, count=65536)
    say(guest, "guest-file-close", handle=handle)
    return base64.b64decode(str(found["buf-b64"])).decode()


def addresses(guest: libvirt.virDomain) -> str:
    """The guest's addresses, by its agent."""
    return str(guest.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0))
