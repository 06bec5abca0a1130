"""Domain XML: what we write, byte by byte, and what we read of others'."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from vrabec.hypervisor import xml
from vrabec.hypervisor.spec import USER_NETWORK, DiskFacts, VmSpec
from vrabec.lib.errors import HostError, Invalid

DATA = Path(__file__).parents[1] / "data"
UUID = "2f4ae8a1-8d2c-4cc0-9f44-6b3f1c7f0a11"
TINY = VmSpec(
    vm_id=7, uuid=UUID, name="lab.web-1", title="", cpus=1, memory_mib=192, domain_type="qemu",
    arch="x86_64", disk_path="/var/lib/libvirt/vrabec/vm-7.qcow2", seed_path=None, network="default",
    mac="52:54:00:00:00:07", has_agent=False,
)  # fmt: skip
SPECS = {
    "domain-emulated": TINY,
    "domain-full": replace(
        TINY, title="Web <server> & co", cpus=4, memory_mib=8192, domain_type="kvm",
        seed_path="/var/lib/libvirt/vrabec/vm-7-seed.iso", has_agent=True, project="lab",
        controller="6f0c2f43-6f53-4d6e-9a35-64b7ce0fbd11",
    ),
    "domain-uefi": replace(TINY, firmware="uefi"),
    "domain-user": replace(TINY, network=USER_NETWORK),
}  # fmt: skip
TEXT_FIELDS = ("name", "title", "disk_path", "seed_path", "network", "mac", "project", "controller")


def shape(document: str) -> list[str]:
    """The elements and their attributes' names, without any value."""
    root = etree.fromstring(document)
    return [f"{node.tag} {sorted(node.keys())}" for node in root.iter() if node.tag != "title"]


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_becomes_the_golden_file(name: str, request: pytest.FixtureRequest) -> None:
    golden = DATA / f"{name}.xml"
    if request.config.getoption("--regenerate", default=False):
        golden.write_text(xml.domain_xml(SPECS[name]))
    assert xml.domain_xml(SPECS[name]) == golden.read_text()


@pytest.mark.parametrize("name", SPECS)
def test_what_is_written_is_read_back(name: str) -> None:
    spec = SPECS[name]
    read = xml.read_domain(xml.domain_xml(spec))
    assert (read.uuid, read.name, read.title) == (spec.uuid, spec.name, spec.title)
    assert (read.cpus, read.memory_mib, read.domain_type) == (spec.cpus, spec.memory_mib, spec.domain_type)
    assert [disk.path for disk in read.disks] == list(filter(None, (spec.disk_path, spec.seed_path)))
    assert (read.macs, read.networks) == ((spec.mac,), (spec.network,))
    assert (read.vrabec_id, read.controller) == (spec.vm_id, spec.controller)
    assert read.has_agent_channel == spec.has_agent


@given(st.sampled_from(TEXT_FIELDS), st.text())
def test_no_text_breaks_out_of_its_place(field: str, text: str) -> None:
    """Whatever a person types stays one value: the document has the same elements and attributes."""
    full = SPECS["domain-full"]
    try:
        written = xml.domain_xml(replace(full, **{field: text or "x"}))
    except Invalid:
        return
    assert shape(written) == shape(xml.domain_xml(full))


@given(st.text())
def test_a_title_is_one_printable_line(text: str) -> None:
    title = xml.read_domain(xml.domain_xml(replace(TINY, title=text))).title
    assert title == " ".join(title.split())
    assert title.isprintable()


def test_a_plain_title_is_kept_as_it_is() -> None:
    title = 'Vrabec\'s <b>"web"</b> & mail ]]> vrabčí server 🐦'
    assert xml.read_domain(xml.domain_xml(replace(TINY, title=title))).title == title


@pytest.mark.parametrize("name", ["a\0b", "a\x1bb", "\ud800", "\uffff"])
def test_a_name_that_xml_cannot_hold_is_invalid(name: str) -> None:
    with pytest.raises(Invalid):
        xml.domain_xml(replace(TINY, name=name))


def test_an_architecture_that_nobody_tried_is_invalid() -> None:
    with pytest.raises(Invalid, match="s390x"):
        xml.domain_xml(replace(TINY, arch="s390x"))


def test_a_foreign_machine_is_read() -> None:
    read = xml.read_domain((DATA / "domain-foreign.xml").read_text())
    assert (read.name, read.title, read.cpus, read.memory_mib) == ("old mail", "", 2, 1954)
    assert (read.vrabec_id, read.controller) == (None, "")
    assert read.macs == ("52:54:00:aa:00:01", "52:54:00:aa:00:02")
    assert read.networks == ("office",)
    assert read.has_agent_channel
    assert read.agent_connected
    assert read.disks == (
        DiskFacts("vda", "disk", "/dev/vg0/mail", "", "", "raw"),
        DiskFacts("vdb", "disk", "", "slow", "mail-archive", "qcow2"),
        DiskFacts("sda", "cdrom", "", "", "", ""),
        DiskFacts("vdc", "disk", "", "", "", "raw"),
    )


@pytest.mark.parametrize("mark", ["", "x", "-1", "1.5", "7 8", "²", "9" * 40])
def test_a_mark_that_is_no_number_is_not_ours(mark: str) -> None:
    document = xml.domain_xml(TINY).replace('id="7"', f'id="{mark}"')
    assert xml.read_domain(document).vrabec_id is None


def test_an_empty_domain_is_read_as_far_as_it_goes() -> None:
    read = xml.read_domain("<domain/>")
    assert (read.uuid, read.cpus, read.memory_mib, read.disks) == ("", 1, 0, ())


def test_entities_are_not_resolved() -> None:
    document = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><domain><name>&x;</name></domain>'
    assert xml.read_domain(document).name == ""


def test_what_is_not_xml_is_the_hosts_error() -> None:
    with pytest.raises(HostError, match="cannot be read"):
        xml.read_domain("<domain")


def test_canonical_form_drops_what_has_no_meaning() -> None:
    one = "<domain type='kvm' id='1'>\n  <name>a</name>\n  <!-- note -->\n</domain>"
    other = '<domain id="1" type="kvm"><name>a</name></domain>'
    assert xml.canonical(one) == xml.canonical(other)


def test_the_order_of_controllers_has_no_meaning() -> None:
    """A machine's first start changes it (libvirt 9.0)."""
    one = "<d><devices><disk/><controller type='usb'/><controller type='pci' index='1'/></devices></d>"
    other = "<d><devices><controller index='1' type='pci'/><disk/><controller type='usb'/></devices></d>"
    assert xml.canonical(one) == xml.canonical(other)


@pytest.mark.parametrize("other", ["<d><a/><b/></d>", "<d><b/><a x='1'/></d>", "<d><b/><a>t</a></d>"])
def test_canonical_form_keeps_what_has_meaning(other: str) -> None:
    assert xml.canonical("<d><b/><a/></d>") != xml.canonical(other)
