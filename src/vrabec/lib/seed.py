"""NoCloud seeds: the small CD-ROM by which a new guest learns its name, keys, password, address and commands.

The same Seed makes the same bytes, so that "already there, as I would have made it" can be seen by comparing.
Format: cloud-init's documentation, "NoCloud" and "Networking config version 2".
"""

from __future__ import annotations

import io
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeGuard

import pycdlib
import yaml

from vrabec.lib.errors import Invalid
from vrabec.lib.user_data import joined

_SECTOR = 2048
_DATE = bytes((100, 1, 1, 0, 0, 0, 0))  # 2000-01-01 in a directory record
_VOLUME_DATE = b"2000010100000000\x00"
_DAMAGED = (pycdlib.pycdlibexception.PyCdlibException, struct.error, LookupError, ValueError)
"""What pycdlib raises for a damaged image: not all of it is its own."""
_FILES = {"meta-data": "METADATA", "user-data": "USERDATA", "network-config": "NETWORK"}


@dataclass(frozen=True)
class Seed:
    """What one guest is told."""

    hostname: str
    instance_id: str
    ssh_keys: tuple[str, ...] = ()
    password_hash: str | None = None  # as vrabec.lib.passwords makes it
    address: str | None = None  # with its prefix: 10.0.0.5/24; without one the guest asks by DHCP
    gateway: str | None = None
    nameservers: tuple[str, ...] = ()
    mac: str | None = None  # of the card that address, gateway and name servers are for
    run: tuple[str, ...] = ()  # lines of shell, run as root once an instance
    user_data: str = ""  # as check_user_data takes it; for guests that have cloud-init


def build_seed(seed: Seed) -> bytes:
    """The ISO 9660 image, labelled cidata. Raises Invalid for what no guest could be told."""
    return write_texts(_texts(seed))


def write_texts(texts: dict[str, str]) -> bytes:
    """The image of these files; those of a seed that `read_texts` read make its very bytes."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for name, text in texts.items():
        data = text.encode()
        short = f"/{_FILES[name]}.;1"
        image.add_fp(io.BytesIO(data), len(data), short, rr_name=name, joliet_path=f"/{name}")
    written = io.BytesIO()
    image.write_fp(written)
    image.close()
    return _with_fixed_dates(bytearray(written.getvalue()))


def read_texts(image: bytes) -> dict[str, str]:
    """The files of a seed; none when it is damaged, or no seed."""
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(io.BytesIO(image))
        texts = dict(_read(iso))
        iso.close()
    except _DAMAGED:
        return {}
    return texts


def _read(iso: pycdlib.PyCdlib) -> Iterator[tuple[str, str]]:
    for name in _FILES:
        data = io.BytesIO()
        with suppress(pycdlib.pycdlibexception.PyCdlibInvalidInput):  # there is no such file
            iso.get_file_from_iso_fp(data, joliet_path=f"/{name}")
            yield name, data.getvalue().decode()


def renamed(texts: dict[str, str], old: str, new: str) -> dict[str, str]:
    """A seed's files with another host name; one that somebody else wrote stays.

    The instance stays as well, so that a guest does nothing a second time: cloud-init's
    update_hostname, which runs at each boot, gives it the name.
    """
    return {name: _renamed(text, old, new) for name, text in texts.items()}


def _renamed(text: str, old: str, new: str) -> str:
    line = re.compile(rf"^((?:local-)?hostname: ){re.escape(_scalar(old))}$", re.MULTILINE)
    return line.sub(lambda found: found[1] + _scalar(new), text, count=1)


def _scalar(text: str) -> str:
    return _yaml({"": _Text(text)}).partition(": ")[2].rstrip("\n")


def keys_of(texts: dict[str, str]) -> tuple[str, ...]:
    """The keys that a seed lets in for its user."""
    keys = _cloud_config(texts).get("ssh_authorized_keys")
    return tuple(filter(_is_line, keys)) if isinstance(keys, list) else ()


def password_of(texts: dict[str, str]) -> str:
    """The hash of the password that a seed gives its user, "" for none."""
    found = _cloud_config(texts).get("password")
    return found if _is_line(found) else ""


def _is_line(found: object) -> TypeGuard[str]:
    return isinstance(found, str) and found.isprintable()


def _cloud_config(texts: dict[str, str]) -> dict[Any, Any]:
    try:
        found = yaml.safe_load(texts.get("user-data", ""))
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


# --- what is said


class _Text(str):
    """Text from outside: always written between double quotes, where YAML can escape every character."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Text, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def _texts(seed: Seed) -> dict[str, str]:
    meta = {"instance-id": _Text(seed.instance_id), "local-hostname": _Text(seed.hostname)}
    texts = {"meta-data": _yaml(meta), "user-data": "#cloud-config\n" + _yaml(_user_data(seed))}
    network = _network(seed)
    return texts | ({"network-config": _yaml(network)} if network else {})


def _yaml(data: dict[str, Any]) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)


def _user_data(seed: Seed) -> dict[str, Any]:
    data: dict[str, Any] = {"hostname": _Text(seed.hostname), "manage_etc_hosts": "localhost"}
    if seed.ssh_keys:
        data["ssh_authorized_keys"] = [_Text(key) for key in seed.ssh_keys]
    if seed.password_hash is not None:
        data["password"] = _Text(seed.password_hash)
        data["chpasswd"] = {"expire": False}
    if seed.run:
        data["runcmd"] = [_Text(command) for command in seed.run]
    return joined(data, seed.user_data) if seed.user_data else data


def _network(seed: Seed) -> dict[str, Any]:
    """Empty without a MAC address: then the guest asks by DHCP, as cloud-init does by itself."""
    if seed.mac is None:
        if seed.address or seed.gateway or seed.nameservers:
            raise Invalid("A fixed address needs the MAC address of its network card", field="mac")
        return {}
    card: dict[str, Any] = {"match": {"macaddress": _Text(seed.mac.lower())}}
    card |= {"addresses": [_Text(seed.address)]} if seed.address else {"dhcp4": True}
    if seed.gateway:
        # "to: default" is newer than some cloud-init in use
        everywhere = "::/0" if ":" in seed.gateway else "0.0.0.0/0"
        card["routes"] = [{"to": everywhere, "via": _Text(seed.gateway)}]
    if seed.nameservers:
        card["nameservers"] = {"addresses": [_Text(server) for server in seed.nameservers]}
    return {"version": 2, "ethernets": {"card0": card}}


# --- the same bytes each time: pycdlib writes the clock's time and zone into all records (ECMA-119, 8.4, 9.1)


def _with_fixed_dates(image: bytearray) -> bytes:
    sector = 16
    while image[sector * _SECTOR] != 255:  # the volume descriptors: ISO 9660's own, Joliet's, then the end
        start = sector * _SECTOR
        image[start + 813 : start + 881] = _VOLUME_DATE * 2 + b"0" * 16 + b"\x00" + _VOLUME_DATE
        _fix_record(image, start + 156)
        for record in _records(image, start + 156):
            _fix_record(image, record)
        sector += 1
    return bytes(image)


def _records(image: bytearray, directory: int) -> Iterator[int]:
    """Where the entries of the root folder lie; ours has no other folders and fits in one sector."""
    start = _number(image, directory + 2) * _SECTOR
    position = start
    while position < start + _SECTOR and image[position]:
        yield position
        position += image[position]


def _fix_record(image: bytearray, record: int) -> None:
    image[record + 18 : record + 25] = _DATE
    name = image[record + 32]
    _fix_rock_ridge(image, record + 33 + name + (1 - name % 2), record + image[record])


def _fix_rock_ridge(image: bytearray, start: int, end: int) -> None:
    """Entries of the system use area: TF holds dates, CE says where the area goes on."""
    while start + 4 <= end and image[start + 2] >= 4:
        kind, size = bytes(image[start : start + 2]), image[start + 2]
        if kind == b"TF":
            image[start + 5 : start + size] = _DATE * ((size - 5) // 7)
        if kind == b"CE":
            more = _number(image, start + 4) * _SECTOR + _number(image, start + 12)
            _fix_rock_ridge(image, more, more + _number(image, start + 20))
        start += size


def _number(image: bytearray, position: int) -> int:
    [value] = struct.unpack_from("<I", image, position)
    return int(value)
