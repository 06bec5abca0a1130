"""A fleet of thousands: daemons of libvirt's test driver, and a controller that watches them.

Two thirds of the machines run. Their definitions have what stands in most: a disk, a network, a serial line.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import libvirt

from tests.bench.figures import now_ms
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.waiting import wait_until
from tests.lab import TestFleetHost

DISCOVERY_SECONDS = 900.0
_MACHINE = """\
<domain type="test">
  <name>{name}</name>
  <title>Number {number} of {host}</title>
  <memory unit="MiB">{memory_mib}</memory>
  <vcpu>2</vcpu>
  <os><type arch="x86_64">hvm</type><boot dev="hd"/></os>
  <features><acpi/><apic/></features>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2" discard="unmap"/>
      <source file="/var/lib/libvirt/images/{name}.qcow2"/>
      <target dev="vda" bus="virtio"/>
    </disk>
    <interface type="network"><source network="default"/><model type="virtio"/></interface>
    <serial type="pty"><target port="0"/></serial>
    <graphics type="vnc" port="-1" autoport="yes"/>
  </devices>
</domain>
"""


class Fleet:
    """So many hosts with so many machines each, on inside `with`."""

    def __init__(self, hosts: int, vms: int) -> None:
        self.hosts = [TestFleetHost() for _ in range(hosts)]
        self.vms = vms
        self._stack = ExitStack()

    @property
    def machines(self) -> int:
        """How many there are in all."""
        return len(self.hosts) * self.vms

    @property
    def running(self) -> int:
        """How many machines run at first."""
        return len(self.hosts) * sum(map(_runs, range(self.vms)))

    @property
    def names(self) -> list[str]:
        """What the hosts are called."""
        return [f"kvm{number:02d}" for number in range(len(self.hosts))]

    def __enter__(self) -> Self:
        for name, host in zip(self.names, self.hosts, strict=True):
            self._stack.enter_context(host)
            _fill(host.uri, name, self.vms)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def sweep_ms(self) -> float:
        """What nobody can do without who wants everybody's load: one call a host, one after the other."""
        raws = [libvirt.open(host.uri) for host in self.hosts]
        began = now_ms()
        for raw in raws:
            raw.getAllDomainStats()
        lasted = now_ms() - began
        for raw in raws:
            raw.close()
        return lasted

    @contextmanager
    def stirred(self, events_s: float, *, without: int = 0) -> Iterator[None]:
        """Somebody pauses and resumes machines all over the fleet, so often a second, in a process apart.

        All over it but for the first hosts, so many of them.
        """
        if not events_s:
            yield
            return
        command = [
            sys.executable,
            "-m",
            "tests.bench.stir",
            str(events_s),
            *(host.uri for host in self.hosts[without:]),
        ]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it has begun
            try:
                yield
            finally:
                process.kill()


class FleetController(Controller):
    """A controller whose hosts are a fleet's; inside `with` it has seen all of their machines.

    `discovered_s` is how long that took, from the last host that was added.
    """

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet = fleet
        self.discovered_s = 0.0

    def _power_on(self) -> None:
        self.fleet.__enter__()

    def _power_off(self) -> None:
        self.fleet.__exit__(None, None, None)

    def _prepare(self) -> None:
        with self.client() as client:
            for name, host in zip(self.fleet.names, self.fleet.hosts, strict=True):
                client.add_host(name, host.uri)
            began = time.monotonic()
            wait_until(
                lambda: client.list_vms(per_page=1)["total"] == self.fleet.machines,
                "every machine is listed",
                seconds=DISCOVERY_SECONDS,
            )
            self.discovered_s = round(time.monotonic() - began, 2)
            wait_until(
                lambda: all(host["state"] == "online" for host in client.list_hosts()), "all hosts are online"
            )
        # Making the files of 13,000 histories is of the first half minute and of no other.
        history = self.data / "history"
        wait_until(
            lambda: len(list(history.glob("*.ring"))) >= self.fleet.running,
            "every running machine has its history",
            seconds=DISCOVERY_SECONDS,
        )


def _fill(uri: str, host: str, vms: int) -> None:
    """Machines instead of the test driver's own one."""
    raw = libvirt.open(uri)
    for domain in raw.listAllDomains():
        with contextlib.suppress(libvirt.libvirtError):
            domain.destroy()
        domain.undefine()
    for number in range(vms):
        name = f"{host}-web-{number:04d}"
        memory_mib = 512 << number % 4
        domain = raw.defineXML(_MACHINE.format(name=name, host=host, number=number, memory_mib=memory_mib))
        if _runs(number):
            domain.create()
    raw.close()


def _runs(number: int) -> bool:
    """Two thirds do."""
    return number % 3 != 0


def side_by_side(works: list[threading.Thread]) -> None:
    """Start all, and wait for all."""
    for work in works:
        work.start()
    for work in works:
        work.join()
