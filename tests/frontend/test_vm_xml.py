"""A machine in libvirt's words: on its page, by REST and by the command."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from vrabec.lib.fit import Needs
from vrabec.models.audit import Audit
from vrabec.models.vms import Seen, Vm
from vrabec.models.xml import VmXml
from vrabec.services import record
from vrabec.services.vm_xml import Told, write_xml

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]
TEXT = "<domain type='kvm'>\n  <name>alpha.web</name>\n  <title>a\t\u202eb</title>\n</domain>\n"


def page_of(person: Person, site: Site) -> str:
    client = Client()
    client.force_login(person.user)
    return client.get(f"/machines/{site.vm.pk}/xml", secure=True).content.decode()


def test_the_tab_shows_the_xml_as_text_with_a_button_that_copies_it(site: Site) -> None:
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    page = page_of(site.owner, site)
    assert "&lt;name&gt;alpha.web&lt;/name&gt;" in page
    assert "<name>alpha.web" not in page
    assert 'data-copy="&lt;domain' in page
    assert "As its next start takes it." in page
    Vm.objects.update(seen=Seen.RUNNING)
    assert "As it runs." in page_of(site.owner, site)


def test_before_the_first_look_the_tab_says_what_to_wait_for(site: Site) -> None:
    assert "The definition comes once the machine is on its host" in page_of(site.owner, site)


def test_who_may_only_look_has_no_such_tab(site: Site) -> None:
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    for person, shown in ((site.owner, True), (site.viewer, False)):
        client = Client()
        client.force_login(person.user)
        page = client.get(f"/machines/{site.vm.pk}", secure=True).content.decode()
        assert (f"/machines/{site.vm.pk}/xml" in page) is shown


def test_rest_gives_it_as_it_was_seen(site: Site) -> None:
    client = Client(headers={"authorization": f"Bearer {site.owner.secret}"})
    path = f"/api/v1/vms/{site.vm.pk}/xml"
    assert client.get(path, secure=True).json()["error"]["code"] == "not_found"
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    assert client.get(path, secure=True).json()["xml"] == TEXT


def test_who_has_read_it_is_on_record_once_in_ten_minutes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    clients = (
        Client(headers={"authorization": f"Bearer {site.owner.secret}"}),
        Client(REMOTE_ADDR="192.0.2.9"),
    )
    clients[1].force_login(site.owner.user)
    for _ in range(3):
        assert clients[0].get(f"/api/v1/vms/{site.vm.pk}/xml", secure=True).status_code == 200
        assert clients[1].get(f"/machines/{site.vm.pk}/xml", secure=True).status_code == 200
    page_of(site.administrator, site)
    assert readings() == [("ada", None), ("olga", "test"), ("olga", None)]
    monkeypatch.setattr(record, "SAME_READING", timedelta(0))
    page_of(site.owner, site)
    assert len(readings()) == 4


def readings() -> list[tuple[str, str | None]]:
    return sorted(Audit.objects.filter(action="vm.xml", subject="web").values_list("actor", "token"), key=str)


def test_what_was_not_read_is_not_on_record(site: Site) -> None:
    page_of(site.owner, site)  # nothing was seen yet
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    for person in (site.viewer, site.stranger):
        client = Client()
        client.force_login(person.user)
        assert client.get(f"/machines/{site.vm.pk}/xml", secure=True).status_code in (403, 404)
    assert readings() == []


def test_only_what_differs_is_written(site: Site) -> None:
    assert write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    first = VmXml.objects.get().seen_at
    assert not write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    assert VmXml.objects.get().seen_at == first
    assert write_xml(site.vm.pk, Told("<domain/>", Needs(), "2"))
    assert VmXml.objects.get().text == "<domain/>"


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_every_sign_into_a_file(site: Site, vrabec: Vrabec) -> None:
    write_xml(site.vm.pk, Told(TEXT, Needs(), "1"))
    assert vrabec("vm", "xml", "web").out == TEXT
