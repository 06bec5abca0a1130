"""A verb that is withheld holds by every way: page, REST, among many; the command: test_cli_people."""

import orjson
import pytest
from django.test import Client

from tests.cast import Site
from vrabec.models.grants import Withheld
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm


@pytest.fixture
def other(site: Site) -> Vm:
    """A machine beside the one on which "delete" is withheld from its project's owner."""
    Withheld.objects.create(vm=site.vm, verb="vm.delete", user=site.owner.user)
    return site.make_vm("other")


@pytest.fixture
def page(site: Site) -> Client:
    client = Client()
    client.force_login(site.owner.user)
    return client


def test_by_page(site: Site, page: Client, other: Vm) -> None:
    for vm, offered in ((site.vm, False), (other, True)):
        shown = page.get(f"/machines/{vm.pk}", secure=True).content.decode()
        assert (f"/machines/{vm.pk}/delete" in shown) == offered
    refused = page.post(f"/machines/{site.vm.pk}/delete", {"name": "web"}, secure=True)
    assert refused.status_code == 403
    assert not Job.objects.exists()


def test_by_rest(site: Site, other: Vm) -> None:
    client = Client(headers={"authorization": f"Bearer {site.owner.secret}"})
    assert client.delete(f"/api/v1/vms/{site.vm.pk}", secure=True).status_code == 403
    assert client.delete(f"/api/v1/vms/{other.pk}", secure=True).status_code == 202
    assert [job.vm for job in Job.objects.all()] == [other]


def test_among_many(site: Site, other: Vm) -> None:
    client = Client(headers={"authorization": f"Bearer {site.owner.secret}"})
    body = orjson.dumps({"action": "delete", "vms": [site.vm.pk, other.pk]})
    said = client.post("/api/v1/vms/actions", body, content_type="application/json", secure=True).json()
    assert said["message"] == "Delete 1 of 2: 1 is not yours to change."
    assert [job.vm for job in Job.objects.all()] == [other]
