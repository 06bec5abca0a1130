"""Tokens for a few verbs and projects: never more than their person may, and no way to a wider one."""

import pytest
from django.test import Client

from tests.cast import Person, Site, site
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden, Invalid, NotFound
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.users import Token
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.hosts import list_hosts
from vrabec.services.jobs import list_jobs
from vrabec.services.permissions import may, rights
from vrabec.services.tokens import actor_of_token, create_token

__all__ = ["site"]


def narrowed(person: Person, *verbs: str, projects: tuple[str, ...] = ()) -> Actor:
    secret = create_token(person.actor, name="ci", verbs=verbs, projects=projects)[1]
    return actor_of_token(secret)


def verbs_on(actor: Actor, vm: Vm) -> set[str]:
    asked = {verb for verb in ("vm.view", "vm.start", "vm.delete", "vm.xml") if may(actor, verb, vm)}
    assert {verb for verb in asked if rights(actor, [vm]).may(verb, vm)} == asked
    return asked


@pytest.mark.parametrize("who", ["owner", "operator", "administrator"])
def test_it_is_for_its_verbs_alone(site: Site, who: str) -> None:
    actor = narrowed(getattr(site, who), "vm.view", "vm.start")
    assert verbs_on(actor, site.vm) == {"vm.view", "vm.start"}
    assert not actor.is_administrator
    assert [vm.name for vm in Vm.objects.visible_to(actor)] == ["web"]
    with pytest.raises(Forbidden):
        list_hosts(actor)


def test_and_never_for_more_than_its_person_may(site: Site) -> None:
    actor = narrowed(site.viewer, "vm.view", "vm.delete", "host.remove")
    assert verbs_on(actor, site.vm) == {"vm.view"}
    Grant.objects.filter(user=site.viewer.user).delete()
    assert not Vm.objects.visible_to(narrowed(site.viewer, "vm.view")).exists()


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_it_is_for_its_projects_alone(site: Site, who: str) -> None:
    elsewhere = site.make_vm("elsewhere", project=site.other)
    found = site.make_vm("found", project=None, is_managed=False)
    for vm in (site.vm, elsewhere, found):
        Job.objects.create(kind="vm.start", vm=vm, project=vm.project, created_by_name="x")
    actor = narrowed(getattr(site, who), projects=("beta",))
    assert [vm.name for vm in Vm.objects.visible_to(actor)] == ["elsewhere"]
    assert [project.name for project in Project.objects.visible_to(actor)] == ["beta"]
    assert [job.vm for job in list_jobs(actor)] == [elsewhere]
    assert verbs_on(actor, elsewhere) == {"vm.view", "vm.start", "vm.delete", "vm.xml"}
    assert verbs_on(actor, site.vm) == verbs_on(actor, found) == set()
    assert list(list_hosts(actor)) == []
    assert not may(actor, "host.list")
    with pytest.raises(NotFound):
        vms.get_vm(actor, vm_id=site.vm.pk)


def test_a_project_that_is_gone_lets_nobody_in(site: Site) -> None:
    actor_before = narrowed(site.administrator, projects=("beta",))
    Grant.objects.filter(project=site.other).delete()
    site.other.delete()
    assert not Vm.objects.visible_to(actor_before).exists()


def test_it_makes_no_token_and_changes_no_password(site: Site) -> None:
    secret = create_token(site.administrator.actor, name="ci", verbs=["vm.view"])[1]
    client = Client(headers={"authorization": f"Bearer {secret}"})
    made = client.post("/api/v1/tokens", {"name": "wide"}, content_type="application/json", secure=True)
    assert (made.status_code, made.json()["error"]["message"]) == (
        403,
        "The token ci does not let you do this.",
    )
    assert client.get("/api/v1/tokens", secure=True).status_code == 403
    assert client.get("/api/v1/vms", secure=True).json()["total"] == 1
    assert Token.objects.filter(name="wide").count() == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"verbs": ["vm.fly"]}, "verbs"),
        ({"verbs": ["token.create"]}, "verbs"),
        ({"projects": ["beta"]}, "projects"),
        ({"projects": ["be\0ta"]}, "projects"),
    ],
)
def test_it_is_for_what_there_is(site: Site, given: dict[str, list[str]], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        create_token(site.owner.actor, name="ci", **given)
    assert caught.value.field == field


def test_what_is_done_with_a_token_is_recorded_with_its_name(site: Site) -> None:
    vms.start_vm(narrowed(site.owner, "vm.view", "vm.start"), vm=site.vm)
    assert [(line.actor, line.token) for line in Audit.objects.filter(action="vm.start")] == [("olga", "ci")]
