"""What a person asks of a new machine, and the limits it is held to: every broken one is named at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from vrabec.lib.errors import Invalid
from vrabec.lib.names import check_label
from vrabec.lib.user_data import check_user_data
from vrabec.models.clusters import Cluster
from vrabec.models.templates import Template
from vrabec.models.vms import Firmware, Vm

MAX_CPUS = 512
MIN_MEMORY_MIB = 64
MAX_MEMORY_MIB = 2**31 - 1
MAX_DISK_MIB = 64 * 1024 * 1024
LINKED, FULL = CLONES = ("linked", "full")
MAX_KEYS = 20
MAX_COMMANDS = 50
_KEY = re.compile(
    r"(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-[a-z0-9@.-]+)"
    r" [A-Za-z0-9+/]{40,8000}={0,3}( [^\r\n]{0,200})?"
)

_FARM = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


@dataclass(frozen=True)
class VmWish:
    """A machine as asked for. Sizes in MiB; `address` as "10.0.0.5/24", "" for DHCP.

    `user_data` is for cloud-init. `clone`: LINKED shares the template's blocks, FULL has all of its own.
    Of a `farm` no two machines of a project are made on one host; `cluster` is a name, "" for any;
    `hosts` are the only ones it may be on, none for any: for administrators. `lease_days` is how long it
    may run, None for as long as is usual in its project.
    """

    name: str
    project: str
    template: str
    cpus: int
    memory_mib: int
    disk_mib: int
    network: str = ""
    address: str = ""
    gateway: str = ""
    ssh_keys: tuple[str, ...] = ()
    password: str = ""
    run: tuple[str, ...] = ()
    user_data: str = ""
    clone: str = LINKED
    firmware: str = Firmware.BIOS
    farm: str = ""
    cluster: str = ""
    hosts: tuple[str, ...] = ()
    lease_days: int | None = None


class HostKind(NamedTuple):
    """What limits a machine, of hosts that are alike in it."""

    cpus: int
    memory_mib: int
    networks: list[str]


@dataclass(frozen=True)
class VmSizes:
    """What a machine is to become; None leaves it."""

    cpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None


def check_sizes(vm: Vm, sizes: VmSizes) -> None:
    """Hold new sizes to the limits of the machine's host. Raises one Invalid that holds every broken one."""
    _raise(tuple(_new_size_errors(vm, sizes)))


def _new_size_errors(vm: Vm, sizes: VmSizes) -> Iterator[Invalid]:
    host, template = vm.host, vm.template
    most_cpus = (host.cpus if host else 0) or MAX_CPUS
    most_memory = (host.memory_mib if host else 0) or MAX_MEMORY_MIB
    least_memory = max(MIN_MEMORY_MIB, template.memory_mib if template else 0)
    if sizes.cpus is not None:
        yield from _range("cpus", sizes.cpus, 1, most_cpus, "CPUs")
    if sizes.memory_mib is not None:
        yield from _range("memory_mib", sizes.memory_mib, least_memory, most_memory, "MiB of memory")
    if sizes.disk_mib is not None and sizes.disk_mib < vm.disk_mib:
        yield Invalid("A disk only grows: it has %(now)s MiB.", field="disk_mib", now=vm.disk_mib)
    elif sizes.disk_mib is not None:
        yield from _range("disk_mib", sizes.disk_mib, 1, MAX_DISK_MIB, "MiB of disk")


def _raise(errors: tuple[Invalid, ...]) -> None:
    if errors:
        first = errors[0]
        raise Invalid(first.template, field=first.field, errors=errors, **first.params)


class Guest(Protocol):
    """What every new guest is told."""

    @property
    def name(self) -> str:
        """Its host name."""

    @property
    def ssh_keys(self) -> tuple[str, ...]:
        """Public keys."""

    @property
    def password(self) -> str:
        """Of its user; "" for none."""


def check_guest(wish: Guest) -> None:
    """Hold name, keys and password to their limits. Raises one Invalid that holds every broken one."""
    _raise(tuple(_guest_errors(wish)))


def check_wish(wish: VmWish, template: Template, hosts: list[HostKind]) -> None:
    """Hold `wish` to its limits. Raises one Invalid that holds every broken one."""
    guest = (*_user_data_errors(wish, template), *_firmware_errors(wish, template))
    _raise((*_errors(wish), *guest, *_place_errors(wish), *_size_errors(wish, template, hosts)))


def _guest_errors(wish: Guest) -> Iterator[Invalid]:
    try:
        check_label(wish.name)
    except Invalid as error:
        yield error
    yield from _key_errors(wish)
    if wish.password and not (8 <= len(wish.password) <= 128 and wish.password.isprintable()):
        yield Invalid("Use 8 to 128 printable signs, or leave it empty.", field="password")


def _errors(wish: VmWish) -> Iterator[Invalid]:
    yield from _guest_errors(wish)
    if len(wish.run) > MAX_COMMANDS or any(len(line) > 4000 or "\0" in line for line in wish.run):
        yield Invalid("At most %(max)s commands of 4000 signs.", field="run", max=MAX_COMMANDS)
    if wish.clone not in CLONES:
        yield Invalid("Choose one of: %(known)s.", field="clone", known=", ".join(CLONES))
    yield from _address_errors(wish)


def _user_data_errors(wish: VmWish, template: Template) -> Iterator[Invalid]:
    if not wish.user_data:
        return
    if not template.takes_user_data:
        yield Invalid(
            "The template %(name)s has no cloud-init: it runs commands alone. Give those, "
            "or choose another template.",
            field="user_data",
            name=template.name,
        )
        return
    try:
        check_user_data(wish.user_data)
    except Invalid as error:
        yield error


def _place_errors(wish: VmWish) -> Iterator[Invalid]:
    try:
        check_farm(wish.farm)
    except Invalid as error:
        yield error
    if wish.cluster and not Cluster.objects.filter(name=wish.cluster[:64]).exists():
        yield Invalid("There is no cluster named %(name)s.", field="cluster", name=wish.cluster[:64])


def check_farm(farm: str) -> None:
    """Raise Invalid when this cannot be a farm's name; "" is none."""
    if farm and not _FARM.fullmatch(farm):
        raise Invalid("Name a farm by 1 to 32 of a–z, 0–9 and hyphens, such as ldap.", field="farm")


def _key_errors(wish: Guest) -> Iterator[Invalid]:
    if len(wish.ssh_keys) > MAX_KEYS:
        yield Invalid("At most %(max)s keys.", field="ssh_keys", max=MAX_KEYS)
    for key in wish.ssh_keys[:MAX_KEYS]:
        if not _KEY.fullmatch(key.strip()):
            yield Invalid(
                'Paste a public key on one line, such as "ssh-ed25519 AAAA… name".', field="ssh_keys"
            )
            return


def _address_errors(wish: VmWish) -> Iterator[Invalid]:
    if not wish.address:
        if wish.gateway:
            yield Invalid("A gateway needs a fixed address.", field="gateway")
        return
    try:
        interface = ipaddress.IPv4Interface(wish.address)
        if "/" not in wish.address or interface.network.prefixlen > 30:
            raise ValueError
    except ValueError:
        yield Invalid("Write an IPv4 address with its network, such as 10.0.0.5/24.", field="address")
        return
    if interface.ip in (interface.network.network_address, interface.network.broadcast_address):
        yield Invalid("This is the network's own address; take another.", field="address")
    if wish.gateway and not _is_within(wish.gateway, interface.network):
        yield Invalid(
            "The gateway must be an address in %(net)s.", field="gateway", net=str(interface.network)
        )


def _is_within(address: str, network: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Address(address) in network
    except ValueError:
        return False


def _firmware_errors(wish: VmWish, template: Template) -> Iterator[Invalid]:
    if wish.firmware not in Firmware.values:
        yield Invalid("Choose bios or uefi.", field="firmware")
    elif wish.firmware == Firmware.UEFI and not template.has_uefi:
        yield Invalid("The template %(name)s boots by BIOS alone.", field="firmware", name=template.name)


def _size_errors(wish: VmWish, template: Template, hosts: list[HostKind]) -> Iterator[Invalid]:
    most_cpus = max((host.cpus for host in hosts), default=0) or MAX_CPUS
    most_memory = max((host.memory_mib for host in hosts), default=0) or MAX_MEMORY_MIB
    least_memory = max(MIN_MEMORY_MIB, template.memory_mib)
    yield from _range("cpus", wish.cpus, 1, most_cpus, "CPUs")
    yield from _range("memory_mib", wish.memory_mib, least_memory, most_memory, "MiB of memory")
    yield from _range("disk_mib", wish.disk_mib, template.disk_mib, MAX_DISK_MIB, "MiB of disk")
    known = {name for host in hosts for name in host.networks}
    if hosts and wish.network not in known:
        yield Invalid(
            "There is no network %(network)s; there is: %(known)s.",
            field="network",
            network=wish.network[:64],
            known=", ".join(sorted(known)) or "none",
        )


def _range(field: str, value: int, least: int, most: int, unit: str) -> Iterator[Invalid]:
    if not least <= value <= most:
        yield Invalid(
            "Choose from %(least)s to %(most)s %(unit)s.", field=field, least=least, most=most, unit=unit
        )
