"""Hosts over ssh on one switch, with inventory at work; and what both sides say of their machines."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.waiting import wait_until
from tests.lab.host import LabHost
from tests.lab.sshd import LabSshd
from tests.lab.switch import LabSwitch
from tests.service.made_up import end_of
from vrabec.hypervisor.xml import parse
from vrabec.inventory.fleet import Fleet
from vrabec.lib import ssh
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import JobState
from vrabec.models.vms import Seen, Vm
from vrabec.services.host_looks import get_look, look_at_host
from vrabec.services.hosts import add_host

STATES = {Seen.RUNNING: "running", Seen.OFF: "shut off"}


class Site:
    """The hosts, their ssh servers, and what both sides say of the machines."""

    def __init__(self, servers: dict[str, LabSshd], switch: LabSwitch) -> None:
        self.servers = servers
        self.switch = switch

    def lab(self, name: str) -> LabHost:
        """The host of this name."""
        return self.servers[name].host

    def virsh(self, name: str) -> set[tuple[str, ...]]:
        """Each machine and its state, as its host lists them."""
        listed = self.lab(name).run("virsh", "--quiet", "list", "--all").splitlines()
        return {tuple(line.split(None, 2)[1:]) for line in listed if line.strip()}

    def rows(self, name: str) -> set[tuple[str, ...]]:
        """The same, as we show it."""
        found = Vm.objects.present().filter(host__name=name)
        return {(vm.domain_name, STATES.get(Seen(vm.seen), "?")) for vm in found}

    def agree(self, *names: str) -> None:
        """Wait until rows and hosts say the same, of all hosts or of these."""
        for name in names or self.servers:
            wait_until(partial(self._agrees, name), f"{name} as it is", seconds=30)

    def _agrees(self, name: str) -> bool:
        return self.rows(name) == self.virsh(name)

    def make(self, name: str, xml: str) -> None:
        """As somebody does who has never heard of us."""
        path = self.lab(name).directory / "machine.xml"
        path.write_text(xml)
        self.lab(name).run("virsh", "define", str(path))
        self.lab(name).run("virsh", "start", parse(xml).findtext("name", ""))

    def definitions(self) -> list[str]:
        """What all hosts would start."""
        return [
            self.lab(name).run("virsh", "dumpxml", "--inactive", machine)
            for name in self.servers
            for machine, _ in sorted(self.virsh(name))
        ]


@contextmanager
def standing(roots: Mapping[str, Path | None], folder: Path, hosts: Path, settings: Any) -> Iterator[Site]:
    """Hosts by name, each with the Debian of its root (None: this one), and a folder in common.

    `hosts` is where they live, `folder` where all else is. Where hosts cannot run, LabHost says so.
    """
    settings.VRABEC_SSH_DIR = folder / "keys"
    settings.VRABEC_IMAGES_DIR = str(folder / "shared")
    (folder / "shared").mkdir()
    ssh.ensure_key(settings.VRABEC_SSH_DIR)
    with ExitStack() as stack:
        switch = stack.enter_context(LabSwitch(is_reached=True))
        servers = {}
        for name, root in roots.items():
            host = LabHost(name, hosts / name, storage_mib=64, switch=switch, root=root)
            servers[name] = stack.enter_context(LabSshd(stack.enter_context(host), folder / name))
            servers[name].authorize(ssh.public_key(settings.VRABEC_SSH_DIR))
        fleet = Fleet()
        fleet.start()
        stack.callback(fleet.stop)
        yield Site(servers, switch)


def adopt(servers: dict[str, LabSshd]) -> None:
    """Look, compare the fingerprint with the host's own, add."""
    looks = {name: look_at_host(SYSTEM, uri=server.uri()) for name, server in servers.items()}
    for name, job in looks.items():
        key = get_look(SYSTEM, look_id=end_of(job).pk).fingerprint
        assert key == servers[name].fingerprint()
        looks[name] = add_host(SYSTEM, name=name, uri=servers[name].uri(), fingerprint=key)
    for job in looks.values():
        assert end_of(job).state == JobState.DONE


def becomes(name: str, state: HostState) -> None:
    wait_until(lambda: Host.objects.get(name=name).state == state, f"{name} {state.label}", seconds=40)
