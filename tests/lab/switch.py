"""A network between lab hosts: a bridge in a network namespace of its own, each host on it by eth0.

Nothing of it touches this machine's network, so every lab uses the same addresses; one that this machine is
to reach has a cable to here, and addresses of its own.
"""

import subprocess
from types import TracebackType
from typing import Self

from tests.lab import labs

SUBNET = "10.77.0"
REACHED = "10.78"
"""How the addresses of labs begin that this machine reaches; their number follows."""


class LabSwitch:
    """A switch that is on inside `with`; hosts plug themselves in when they boot, and know all names.

    `is_reached`: this machine has a cable into it, too, and reaches the hosts at their addresses.
    """

    def __init__(self, *, is_reached: bool = False) -> None:
        self.lab_name = labs.new_name()
        self.subnet = SUBNET
        self._is_reached = is_reached
        self.directory = labs.directory_of(self.lab_name)
        self.hosts_file = self.directory / "hosts"
        self._ports: list[str] = []

    def __enter__(self) -> Self:
        labs.sweep()
        self.directory.mkdir()
        self.hosts_file.write_text("127.0.0.1 localhost\n")
        _ip("netns", "add", self.lab_name)
        self._run("link", "add", "switch", "type", "bridge")
        self._run("link", "set", "switch", "up")
        if self._is_reached:
            self._reach()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the switch, and with it every cable."""
        labs.remove(self.lab_name)

    def reserve(self, host: str) -> str:
        """The address of this host from now on; hosts look each other up in /etc/hosts."""
        self._ports.append(host)
        address = f"{self.subnet}.{len(self._ports)}"
        with self.hosts_file.open("a") as hosts:
            hosts.write(f"{address} {host}\n")
        return address

    def plug(self, host: str, init: int, address: str) -> None:
        """Lay the cable of a host that boots; the one from before a power loss may be there for a moment."""
        port = self._port(host)
        # The same card as before: with a new address the others would talk to the old one for half a minute.
        peer = ["peer", "name", "eth0", "address", f"52:54:77:00:00:{int(port[4:]):02x}", "netns", str(init)]
        subprocess.run(["ip", "-n", self.lab_name, "link", "delete", port], check=False, capture_output=True)
        self._run("link", "add", port, "type", "veth", *peer)
        self._run("link", "set", port, "master", "switch", "up")
        enter = ["nsenter", f"--target={init}", "--net", "ip"]
        for command in (["address", "add", f"{address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            subprocess.run([*enter, *command], check=True)

    def cut(self, host: str) -> None:
        """Pull the cable of a host: it lives on, alone."""
        self._run("link", "set", self._port(host), "down")

    def join(self, host: str) -> None:
        """Put the cable of a host back."""
        self._run("link", "set", self._port(host), "up")

    def _reach(self) -> None:
        """Lay a cable to this machine, of the first number that no other lab has; it goes with the switch."""
        number = next(filter(self._lay, range(1, 255)))
        self.subnet = f"{REACHED}.{number}"
        self._run("link", "set", "uplink", "master", "switch", "up")
        _ip("address", "add", f"{self.subnet}.254/24", "dev", f"vrabeclab{number}")
        _ip("link", "set", f"vrabeclab{number}", "up")

    def _lay(self, number: int) -> bool:
        command = ["ip", "link", "add", f"vrabeclab{number}", "type", "veth"]
        command += ["peer", "name", "uplink", "netns", self.lab_name]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _port(self, host: str) -> str:
        return f"port{self._ports.index(host) + 1}"

    def _run(self, *command: str) -> None:
        _ip("-n", self.lab_name, *command)


def _ip(*command: str) -> None:
    subprocess.run(["ip", *command], check=True)
