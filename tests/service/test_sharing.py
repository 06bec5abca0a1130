"""Templates and networks that are for some projects alone: who sees them, and what they are good for."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, make_person, site
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden, Invalid, NotFound
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host
from vrabec.models.projects import Project
from vrabec.models.roles import Role
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Seen, Vm
from vrabec.services.access import give
from vrabec.services.holders import Holder
from vrabec.services.networks import get_network, list_networks, share_network
from vrabec.services.places import places
from vrabec.services.templates import get_template, list_templates, share_template
from vrabec.services.tokens import actor_of_token, create_token
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vms import create_vm, place_vm

__all__ = ["site"]


@pytest.fixture(autouse=True)
def two_of_each(site: Site) -> None:
    """Beside the template tiny and the network default, "big" and "lab"."""
    Host.objects.update(networks=["default", "lab"])
    Template.objects.create(
        name="big", title="Big", builder="big", state=TemplateState.READY, disk_mib=96, memory_mib=96
    )


def names(actor: Actor) -> tuple[list[str], list[str]]:
    """What somebody sees of both."""
    return (
        [template.name for template in list_templates(actor)],
        [network.name for network in list_networks(actor)],
    )


def share_both(site: Site, *projects: str) -> None:
    operator = site.operator.actor
    share_template(operator, name="big", projects=projects)
    share_network(operator, name="lab", projects=projects)


ALL = (["big", "tiny"], ["default", "lab"])
REST = (["tiny"], ["default"])


def test_who_has_a_part_in_none_of_the_projects_sees_neither(site: Site) -> None:
    share_both(site, "beta")
    for person in (site.administrator, site.operator, site.stranger):
        assert names(person.actor) == ALL
    for person in (site.owner, site.teammate, site.viewer, make_person("nora")):
        assert names(person.actor) == REST
    share_both(site)
    assert names(site.teammate.actor) == names(make_person("nils").actor) == ALL


def test_a_forbidden_one_cannot_be_told_from_a_missing_one(site: Site) -> None:
    share_both(site, "beta")
    actor = site.teammate.actor
    for wish, missing in (
        (site.wish(template="big"), site.wish(template="none")),
        (site.wish(network="lab"), site.wish(network="none")),
    ):
        said = []
        for one, name in ((wish, ("big", "lab")), (missing, ("none", "none"))):
            with pytest.raises(Invalid) as error:
                create_vm(actor, wish=one)
            said.append(str(error.value).replace(name[0], "X").replace(name[1], "X"))
        assert said[0] == said[1]
        with pytest.raises(Invalid):
            place_vm(actor, wish=wish)
    with pytest.raises(NotFound):
        get_template(actor, name="big")
    with pytest.raises(NotFound):
        get_network(actor, name="lab")


def test_nobody_makes_machines_of_them_in_other_projects(site: Site) -> None:
    share_both(site, "beta")
    for wish in (site.wish(template="big"), site.wish(network="lab")):
        with pytest.raises(Invalid):
            create_vm(site.administrator.actor, wish=wish)
    assert not Vm.objects.filter(name="fresh").exists()
    job = create_vm(site.stranger.actor, wish=site.wish(template="big", network="lab", project="beta"))
    assert job.vm
    assert (job.vm.network, job.vm.template_id) == ("lab", Template.objects.get(name="big").pk)


def test_without_a_wish_a_machine_is_put_on_a_network_of_its_project(site: Site) -> None:
    share_network(site.operator.actor, name="default", projects=["beta"])
    job = create_vm(site.teammate.actor, wish=site.wish(network=""))
    assert job.vm
    assert job.vm.network == "lab"


def test_a_copy_stays_on_networks_that_are_for_its_project(site: Site) -> None:
    share_network(site.operator.actor, name="lab", projects=["alpha"])
    vm = site.make_vm("lab-1", network="lab", is_managed=True, seen=Seen.OFF)
    actor = site.administrator.actor
    with pytest.raises(Invalid) as error:
        clone_vm(actor, vm=vm, wish=CloneWish("copy", "beta"))
    assert (error.value.field, str(error.value)) == (
        "project",
        "The network lab is not for the project beta.",
    )
    assert clone_vm(actor, vm=vm, wish=CloneWish("copy", "alpha")).vm


def test_machines_that_are_there_stay(site: Site) -> None:
    share_template(site.operator.actor, name="tiny", projects=["beta"])
    assert Vm.objects.get(pk=site.vm.pk).template_id == site.template.pk


def test_only_who_may_share_says_so(site: Site) -> None:
    for person in (site.owner, site.teammate, site.viewer, site.stranger):
        with pytest.raises(Forbidden):
            share_template(person.actor, name="tiny", projects=["alpha"])
        with pytest.raises(Forbidden):
            share_network(person.actor, name="lab", projects=["alpha"])


def test_a_project_that_is_not_there_is_named(site: Site) -> None:
    with pytest.raises(Invalid) as error:
        share_both(site, "alpha", "gamma")
    assert (error.value.field, str(error.value)) == ("projects", "There is no project named gamma.")
    with pytest.raises(NotFound):
        share_network(site.operator.actor, name="none", projects=[])


def test_projects_that_one_does_not_see_stay(site: Site) -> None:
    """A role of the site's own may say so on the whole site, and see one project alone."""
    share_both(site, "alpha", "beta")
    person = make_person("rita")
    Role.objects.create(name="sharer", verb_line=" template.share network.share ")
    give(site.administrator.actor, holder=Holder(user=person.user), role="sharer", scope=None)
    give(site.administrator.actor, holder=Holder(user=person.user), role="viewer", scope=site.project)
    assert [one.name for one in get_template(person.actor, name="big").projects.all()] == ["alpha"]
    shared = share_template(person.actor, name="big", projects=[])
    assert ([one.name for one in shared.projects.all()], shared.is_for_all) == ([], False)
    assert share_network(person.actor, name="lab", projects=[]).is_for_all is False
    assert names(site.stranger.actor) == ALL
    assert names(site.teammate.actor) == REST


def test_the_record_says_for_whom_it_was_and_is(site: Site) -> None:
    share_both(site, "alpha")
    share_both(site, "beta")
    lines = Audit.objects.filter(action__in=("template.share", "network.share")).order_by("pk")
    assert [(line.subject, line.detail) for line in lines] == [
        (name, {"before": before, "after": after})
        for before, after in (([], ["alpha"]), (["alpha"], ["beta"]))
        for name in ("big", "lab")
    ]


def test_the_menu_counts_what_is_seen(site: Site) -> None:
    share_both(site, "beta")
    assert places(site.teammate.actor).templates == 1
    assert places(site.stranger.actor).templates == places(site.administrator.actor).templates == 2


def test_a_narrow_token_sees_what_its_projects_may_use(site: Site) -> None:
    share_both(site, "beta")
    give(site.administrator.actor, holder=Holder(user=site.stranger.user), role="member", scope=site.project)
    seen = {}
    for project in ("alpha", "beta"):
        secret = create_token(site.stranger.actor, name=project, verbs=["vm.create"], projects=[project])[1]
        seen[project] = names(actor_of_token(secret))
    assert seen == {"alpha": REST, "beta": ALL}


def test_what_was_for_a_project_that_is_gone_is_not_for_all(site: Site) -> None:
    share_both(site, Project.objects.create(name="gone").name)
    Project.objects.get(name="gone").delete()
    assert names(site.teammate.actor) == REST
    assert names(site.operator.actor) == ALL


@pytest.mark.parametrize("many", [2, 12])
def test_lists_cost_as_much_with_more_rows(site: Site, many: int) -> None:
    for number in range(many):
        project = Project.objects.create(name=f"p{number}")
        Template.objects.create(name=f"t{number}", title="T", builder="t").projects.add(project)
    Host.objects.update(networks=[f"net{number}" for number in range(many)])
    for number in range(many):
        share_network(site.operator.actor, name=f"net{number}", projects=[f"p{number}"])
    with CaptureQueriesContext(connection) as asked:
        found = names(site.operator.actor)
    assert (len(found[1]), len(asked)) == (many, 8)
