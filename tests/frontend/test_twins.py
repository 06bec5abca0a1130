"""Two hosts have a machine of one UUID: page, REST, command and search say so; the host to administrators."""

import pytest

from tests.cast import Person, Site, make_host
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from tests.frontend.test_rest import call
from tests.frontend.test_web_vms import browser, text_of
from vrabec.models.vms import Vm

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]


@pytest.fixture
def twin(site: Site) -> Vm:
    """A copy of the site's machine, on another host."""
    return site.make_vm("copied", uuid=site.vm.uuid, host=make_host("kvm2"), project=None, is_managed=False)


def page(site: Site, person: Person) -> str:
    return text_of(browser(person), f"/machines/{site.vm.pk}")


def test_the_page_says_it_and_names_the_host_to_whom_it_may(site: Site, twin: Vm) -> None:
    said = page(site, site.administrator)
    assert "same UUID" in said
    assert "copied on kvm2" in said
    said = page(site, site.owner)
    assert "an administrator has to say which one is right" in said
    assert "kvm2" not in said


def test_one_alone_has_no_such_strip(site: Site) -> None:
    assert "same UUID" not in page(site, site.administrator)


def test_rest_has_its_id_and_search_finds_both(site: Site, twin: Vm) -> None:
    path = f"/vms/{site.vm.pk}"
    assert call(site, "GET", path, who="administrator").json()["twins"] == [twin.pk]
    assert call(site, "GET", path).json()["twins"] == []
    site.make_vm("alone")
    found = call(site, "GET", "/vms?search=is:twin", who="administrator").json()["items"]
    assert {(vm["id"], *vm["twins"]) for vm in found} == {(site.vm.pk, twin.pk), (twin.pk, site.vm.pk)}


@pytest.mark.django_db(transaction=True)
def test_the_command_shows_it(site: Site, twin: Vm, vrabec: Vrabec) -> None:
    assert f"machine {twin.pk} on another host" in vrabec("vm", "show", "web").out
