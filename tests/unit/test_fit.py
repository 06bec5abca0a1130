"""What a machine needs is read from its definition, and what a host lacks of it is said in words."""

from dataclasses import replace

import pytest

from vrabec.hypervisor.needs import needs_of
from vrabec.hypervisor.xml import Domain
from vrabec.lib.fit import Needs, Offers, missing

XML = """
<domain type="kvm">
  <os><type arch="x86_64" machine="pc-q35-7.2">hvm</type></os>
  <cpu mode="custom" match="exact"><model fallback="forbid">Skylake-Server</model>
    <feature policy="require" name="avx512f"/><feature policy="disable" name="mpx"/></cpu>
  <devices>
    <disk type="file" device="disk"><driver cache="writeback"/><source file="/shared/a.qcow2"/></disk>
    <disk type="file" device="disk"><driver type="raw"/><source file="/shared/seed.iso"/><readonly/></disk>
    <disk type="file" device="cdrom"><source file="/iso/debian.iso"/></disk>
    <disk type="file" device="cdrom"/>
    <interface type="network"><source network="lan"/></interface>
    <interface type="user"/>
    <hostdev type="pci"><source>
      <address domain="0x0000" bus="0x06" slot="0x02" function="0x0"/></source></hostdev>
  </devices>
</domain>
"""
NEEDS = Needs(
    domain_type="kvm",
    arch="x86_64",
    machine="pc-q35-7.2",
    model="Skylake-Server",
    features=("avx512f",),
    networks=("lan",),
    caches=("writeback",),
)
OFFERS = Offers(
    arch="x86_64",
    domain_types=("qemu", "kvm"),
    machines=("pc-q35-7.2", "q35"),
    models=("Skylake-Server",),
    features=("avx512f", "sse2"),
    networks=("default", "lan"),
    qemu=7,
)


def said(needs: Needs, offers: Offers) -> list[str]:
    return [words % params for words, params in missing(needs, offers)]


def test_needs_are_read_from_the_definition() -> None:
    assert needs_of(Domain(XML)) == replace(
        NEEDS,
        drops_features=True,
        devices=("pci 0x0000-0x06-0x02-0x0",),
        media=("/iso/debian.iso",),
        disks=("/shared/a.qcow2", "/shared/seed.iso"),
    )


def test_a_cpu_that_is_whatever_the_host_has_needs_no_model() -> None:
    found = needs_of(Domain('<domain type="qemu"><cpu mode="maximum"/></domain>'))
    assert (found.model, found.features) == ("", ())


def test_a_host_that_has_all_of_it_lacks_nothing() -> None:
    assert said(NEEDS, OFFERS) == []


@pytest.mark.parametrize(
    ("offers", "words"),
    [
        (replace(OFFERS, arch="aarch64"), "Its CPUs are aarch64, not x86_64."),
        (replace(OFFERS, domain_types=("qemu",)), "KVM does not work there."),
        (replace(OFFERS, machines=("pc-q35-5.2",)), "Its QEMU does not know the machine type pc-q35-7.2."),
        (replace(OFFERS, networks=("default",)), "It has no network lan."),
        (replace(OFFERS, models=("qemu64",)), "Its CPU cannot be a Skylake-Server."),
        (replace(OFFERS, features=("sse2",)), "Its CPU lacks avx512f."),
        (replace(OFFERS, qemu=3), "Its QEMU is too old to take a disk with the cache mode writeback."),
    ],
)
def test_what_a_host_lacks_is_said(offers: Offers, words: str) -> None:
    assert said(NEEDS, offers) == [words]


def test_what_the_machine_holds_keeps_it_from_every_host() -> None:
    assert said(replace(NEEDS, devices=("usb 1-2",), media=("/iso/a.iso",)), OFFERS) == [
        "It holds a device of its host (usb 1-2): take that away first.",
        "/iso/a.iso is in its drive: eject it first.",
    ]


def test_the_models_name_says_nothing_of_a_cpu_that_lacks_parts_of_it() -> None:
    assert said(replace(NEEDS, drops_features=True), replace(OFFERS, models=("qemu64",))) == []


def test_what_a_host_has_not_said_is_no_reason_against_it() -> None:
    assert said(replace(NEEDS, networks=()), Offers()) == []


def test_both_are_the_same_after_they_were_stored() -> None:
    assert Needs.of(NEEDS.stored()) == NEEDS
    assert Offers.of({**OFFERS.stored(), "of another version": 1}) == OFFERS
