"""A machine that was found on its host, given to a project by REST, page and command."""

from typing import Any

import pytest
from django.test import Client

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from tests.frontend.test_rest import call
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]


@pytest.fixture
def found(site: Site) -> Vm:
    """Somebody made it with virsh."""
    return site.make_vm("Old Box", project=None, is_managed=False, wished=Wished.NONE, seen=Seen.OFF)


def adopt(site: Site, vm: Vm, project: str, who: str = "administrator") -> Any:
    return call(site, "PUT", f"/vms/{vm.pk}/project", {"project": project}, who)


def test_the_people_of_the_project_run_it_from_then_on(site: Site, found: Vm) -> None:
    here = f"/vms/{found.pk}"
    assert call(site, "GET", here, who="owner").status_code == 404
    assert adopt(site, found, "alpha").json()["project"] == "alpha"
    assert call(site, "GET", here, who="viewer").json()["managed"] is False
    assert call(site, "POST", f"{here}/start", who="owner").status_code == 202
    assert call(site, "GET", here, who="stranger").status_code == 404
    line = Audit.objects.get(action="vm.adopt")
    assert (line.project_id, line.detail["before"], line.detail["after"]) == (site.project.pk, "", "alpha")


def test_it_can_be_taken_back(site: Site, found: Vm) -> None:
    adopt(site, found, "alpha")
    assert adopt(site, found, "").json()["project"] is None
    assert call(site, "GET", f"/vms/{found.pk}", who="owner").status_code == 404
    assert not Job.objects.exists()


def test_what_is_wrong_is_said(site: Site, found: Vm) -> None:
    answer = adopt(site, found, "nowhere")
    assert (answer.status_code, answer.json()["error"]["field"]) == (404, "project")
    answer = adopt(site, site.vm, "beta")
    assert answer.status_code == 409
    assert "made by Vrabec" in answer.json()["error"]["message"]
    assert adopt(site, found, "alpha", who="owner").status_code == 404


def test_the_page_gives_it(site: Site, found: Vm) -> None:
    client = Client()
    client.force_login(site.administrator.user)
    here = f"/machines/{found.pk}"
    assert f'href="{here}/project"' in client.get(here, secure=True).content.decode()
    assert "for administrators alone" in client.get(f"{here}/project", secure=True).content.decode()
    assert client.post(f"{here}/project", {"project": "gone"}, secure=True).status_code == 404
    assert client.post(f"{here}/project", {"project": "alpha"}, secure=True)["Location"] == here
    assert "It belongs to alpha." in client.get(here, secure=True).content.decode()
    client.force_login(site.owner.user)
    page = client.get(here, secure=True).content.decode()
    assert "Not made by Vrabec" in page
    assert f'href="{here}/project"' not in page


@pytest.mark.django_db(transaction=True)
def test_the_command_gives_it(site: Site, found: Vm, vrabec: Vrabec) -> None:
    done = vrabec("vm", "adopt", "Old Box", "--project", "alpha")
    assert (done.status, done.out.strip()) == (0, "Old Box belongs to alpha.")
    assert vrabec("vm", "adopt", "Old Box", "--project", "").out.strip() == "Old Box belongs to no project."
