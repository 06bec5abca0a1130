"""Seeds: what goes in comes out, whatever it is, and the same seed is the same bytes."""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from typing import Any

import pycdlib
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vrabec.lib.errors import Invalid
from vrabec.lib.seed import Seed, build_seed, keys_of, password_of, read_texts, renamed, write_texts

MAC = "52:54:00:aa:bb:01"
FULL = Seed(
    "web-1",
    "5f0c",
    ssh_keys=("ssh-ed25519 AAAA me@home",),
    password_hash="$6$salt$hash",
    address="10.0.0.5/24",
    gateway="10.0.0.1",
    nameservers=("10.0.0.2", "10.0.0.3"),
    mac=MAC,
    run=("echo hello",),
)
HOSTILE = (
    'a"b',
    "a'b",
    "x\nrun: evil",
    "- x",
    "<b>&",
    "🐦",
    "",
    "null",
    "{}",
    "#",
    "a: b",
    " x ",
    "\\",
    "\t",
    "\x00",
)
texts = st.text() | st.sampled_from(HOSTILE)
lists = st.lists(texts, max_size=3).map(tuple)


def files(image: bytes, names: str = "rr_path") -> dict[str, str]:
    """The files of a seed by name, read with Rock Ridge's names or with Joliet's."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(io.BytesIO(image))
    found = {}
    for name in ("meta-data", "user-data", "network-config"):
        data = io.BytesIO()
        try:
            iso.get_file_from_iso_fp(data, **{names: f"/{name}"})
        except pycdlib.pycdlibexception.PyCdlibInvalidInput:
            continue
        found[name] = data.getvalue().decode()
    iso.close()
    return found


def read(seed: Seed) -> dict[str, Any]:
    return {name: yaml.safe_load(text) for name, text in files(build_seed(seed)).items()}


@settings(deadline=None, max_examples=40)
@given(hostname=texts, instance_id=texts, keys=lists, password_hash=texts, run=lists)
def test_what_goes_in_comes_out(
    hostname: str, instance_id: str, keys: tuple[str, ...], password_hash: str, run: tuple[str, ...]
) -> None:
    found = read(Seed(hostname, instance_id, ssh_keys=keys, password_hash=password_hash, run=run))
    assert found["meta-data"] == {"instance-id": instance_id, "local-hostname": hostname}
    user_data = found["user-data"]
    assert user_data.pop("hostname") == hostname
    assert user_data.pop("password") == password_hash
    assert user_data.pop("ssh_authorized_keys", []) == list(keys)
    assert user_data.pop("runcmd", []) == list(run)
    assert user_data == {"manage_etc_hosts": "localhost", "chpasswd": {"expire": False}}


@settings(deadline=None, max_examples=40)
@given(address=texts.filter(bool), gateway=texts.filter(bool), nameservers=lists)
def test_a_network_comes_out_as_it_went_in(address: str, gateway: str, nameservers: tuple[str, ...]) -> None:
    seed = Seed("a", "b", address=address, gateway=gateway, nameservers=nameservers, mac=MAC)
    card = read(seed)["network-config"]["ethernets"]["card0"]
    assert card["addresses"] == [address]
    assert card["routes"][0]["via"] == gateway
    assert card.get("nameservers", {"addresses": []}) == {"addresses": list(nameservers)}


def test_the_network_is_version_2_matched_by_mac_address() -> None:
    assert read(FULL)["network-config"] == {
        "version": 2,
        "ethernets": {
            "card0": {
                "match": {"macaddress": MAC},
                "addresses": ["10.0.0.5/24"],
                "routes": [{"to": "0.0.0.0/0", "via": "10.0.0.1"}],
                "nameservers": {"addresses": ["10.0.0.2", "10.0.0.3"]},
            }
        },
    }


def test_an_ipv6_gateway_is_the_way_to_every_ipv6_address() -> None:
    seed = Seed("a", "b", address="fd00::5/64", gateway="fd00::1", mac=MAC)
    assert read(seed)["network-config"]["ethernets"]["card0"]["routes"][0]["to"] == "::/0"


def test_a_card_without_address_asks_by_dhcp() -> None:
    card = read(Seed("a", "b", mac=MAC))["network-config"]["ethernets"]["card0"]
    assert card == {"match": {"macaddress": MAC}, "dhcp4": True}


def test_without_mac_address_there_is_no_network_file() -> None:
    assert set(read(Seed("a", "b"))) == {"meta-data", "user-data"}


def test_an_address_without_mac_address_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        build_seed(Seed("a", "b", address="10.0.0.5/24"))
    assert caught.value.field == "mac"


def test_user_data_begins_as_cloud_init_demands() -> None:
    assert files(build_seed(FULL))["user-data"].startswith("#cloud-config\n")


def test_both_kinds_of_long_names_lead_to_the_same_files() -> None:
    image = build_seed(FULL)
    assert files(image, "rr_path") == files(image, "joliet_path")
    assert len(files(image)) == 3


def test_the_label_is_cidata() -> None:
    assert build_seed(FULL)[32808:32840].rstrip() == b"cidata"


def test_the_same_seed_is_the_same_bytes_at_any_time_in_any_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    image = build_seed(FULL)
    later = time.time() + 400 * 86400
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert build_seed(FULL) == image
    finally:
        monkeypatch.undo()
        time.tzset()


@settings(deadline=None, max_examples=40)
@given(old=texts, new=texts, keys=lists, run=lists)
def test_a_renamed_seed_is_the_seed_of_the_new_name(
    old: str, new: str, keys: tuple[str, ...], run: tuple[str, ...]
) -> None:
    seed = Seed(old, "5f0c", ssh_keys=keys, run=run, mac=MAC)
    found = renamed(read_texts(build_seed(seed)), old, new)
    assert write_texts(found) == build_seed(replace(seed, hostname=new))


def test_a_name_that_somebody_else_wrote_stays() -> None:
    texts = read_texts(build_seed(FULL))
    assert renamed(texts, "other", "new") == texts
    inner = '#cloud-config\nmine:\n  hostname: web-1\nwrite_files:\n- content: |\n    hostname: "web-1"\n'
    found = renamed(read_texts(build_seed(replace(FULL, user_data=inner))), "web-1", "new")
    assert found["user-data"].count("web-1") == 2


def test_keys_and_password_are_read_back() -> None:
    texts = read_texts(build_seed(replace(FULL, ssh_keys=("a", "null", "- b"))))
    assert (keys_of(texts), password_of(texts)) == (("a", "null", "- b"), "$6$salt$hash")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#!/bin/sh\n",
        "- a",
        "a: [",
        "ssh_authorized_keys: a\npassword: {}",
        'ssh_authorized_keys: ["\\0"]',
    ],
)
def test_of_user_data_that_is_not_ours_nothing_is_read(text: str) -> None:
    assert (keys_of({"user-data": text}), password_of({"user-data": text})) == ((), "")


@settings(deadline=None)
@given(st.data())
def test_a_damaged_seed_is_read_or_is_none(data: st.DataObject) -> None:
    image = bytearray(build_seed(FULL))
    cut = data.draw(st.integers(0, len(image)))
    for _ in range(3):
        image[data.draw(st.integers(32768, len(image) - 1))] = data.draw(st.integers(0, 255))
    for damaged in (image, image[:cut], bytes(cut) + image[cut:]):
        assert set(read_texts(bytes(damaged))) <= {"meta-data", "user-data", "network-config"}


def test_a_seed_whose_directory_leads_nowhere_is_none() -> None:
    image = bytearray(build_seed(FULL))
    image[59485] = 2  # a file of Joliet's root becomes a directory, whose path is in no table
    assert read_texts(bytes(image)) == {}


def test_another_seed_is_other_bytes() -> None:
    assert build_seed(Seed("a", "b")) != build_seed(Seed("a", "c"))
