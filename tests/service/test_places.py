"""What the frame of every page shows: counts, branches, and the first machines of those that are open."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_person, site
from vrabec.lib.clock import now
from vrabec.models.grants import Grant, Withheld
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.roles import CLONER, OWNER, VIEWER
from vrabec.models.vms import Vm
from vrabec.services.places import LEAVES, Branch, branch, places

__all__ = ["site"]


def only_branch(person: Person, here: Vm | None = None) -> Branch:
    [found] = places(person.actor, here=here).branches
    return found


def names(found: Branch) -> list[str]:
    return [leaf.name for leaf in found.leaves]


@pytest.mark.parametrize("who", ["administrator", "owner"])
def test_a_branch_shows_its_first_machines_by_name_and_counts_the_rest(site: Site, who: str) -> None:
    for number in range(7):
        site.make_vm(f"a-{number}")
    found = only_branch(getattr(site, who))
    assert names(found) == [f"a-{number}" for number in range(LEAVES)]
    assert (found.count, found.more) == (8, 3)


@pytest.mark.parametrize("who", ["administrator", "owner"])
def test_the_machine_on_show_is_a_leaf_wherever_it_stands(site: Site, who: str) -> None:
    for number in range(7):
        site.make_vm(f"a-{number}")
    found = only_branch(getattr(site, who), here=site.vm)
    assert names(found) == [*(f"a-{number}" for number in range(LEAVES)), "web"]


def test_deleted_machines_and_those_of_other_projects_are_neither_shown_nor_counted(site: Site) -> None:
    site.make_vm("theirs", project=site.other)
    site.make_vm("gone", deleted_at=now())
    for person in (site.owner, site.viewer):
        assert names(only_branch(person)) == ["web"]
        assert places(person.actor).vms == 1
    assert names(only_branch(site.stranger)) == ["theirs"]
    assert places(site.administrator.actor).vms == 2


def test_a_branch_of_others_cannot_be_opened(site: Site) -> None:
    assert branch(site.stranger.actor, branch_id=site.project.pk) is None
    opened = branch(site.owner.actor, branch_id=site.project.pk)
    assert opened
    assert (names(opened), opened.count) == (["web"], 1)


def test_leaves_say_what_their_machines_do(site: Site) -> None:
    busy, lost = site.make_vm("busy"), site.make_vm("lost")
    Job.objects.create(kind="vm.start", vm=busy, state=JobState.RUNNING)
    Job.objects.create(kind="vm.shutdown", vm=site.vm, state=JobState.DONE)
    silent = Host.objects.create(name="kvm2", uri="test:///default", state=HostState.UNREACHABLE)
    Vm.objects.filter(pk=lost.pk).update(host=silent)
    leaves = {leaf.name: (leaf.state, leaf.label) for leaf in only_branch(site.owner).leaves}
    assert leaves == {"busy": ("changing", "Starting"), "lost": ("unknown", "Unknown"), "web": ("off", "Off")}


def test_machines_without_a_host_are_counted_and_hang_on_no_branch(site: Site) -> None:
    site.make_vm("waiting", host=None)
    found = places(site.administrator.actor)
    assert (found.vms, [one.count for one in found.branches]) == (2, [1])
    assert (found.hosts, found.templates, found.projects) == (1, 1, 2)


def test_somebody_with_no_project_has_an_empty_tree(site: Site) -> None:
    Grant.objects.filter(user=site.stranger.user).delete()
    found = places(site.stranger.actor)
    assert (found.vms, found.projects, found.branches) == (0, 0, ())


@pytest.mark.parametrize(("who", "pinned"), [("administrator", 3), ("owner", 3)])
def test_more_hosts_projects_and_machines_cost_no_more_queries(site: Site, who: str, pinned: int) -> None:
    actor = getattr(site, who).actor
    for number in range(3):
        project = site.other if number == 0 else site.project
        Grant.objects.get_or_create(user=site.owner.user, project=project, defaults={"role": OWNER})
        host = Host.objects.create(name=f"more{number}", uri="test:///default")
        site.make_vm(f"more{number}", host=host, project=project)
        with CaptureQueriesContext(connection) as made:
            places(actor, opened=[site.host.pk, host.pk])
        assert len(made) == pinned


def test_the_tree_has_what_one_sees_and_no_more(site: Site) -> None:
    site.make_vm("theirs")
    student = make_person("eva", CLONER, site.project)
    mine = site.make_vm("mine", owner=student.user)
    found = places(student.actor)
    [branch] = found.branches
    assert (found.vms, branch.count, [leaf.id for leaf in branch.leaves]) == (1, 1, [mine.pk])


def test_what_is_withheld_from_sight_is_not_in_the_tree(site: Site) -> None:
    other = site.make_vm("other")
    Withheld.objects.create(vm=site.vm, verb="vm.view", user=site.owner.user)
    found = places(site.owner.actor)
    [branch] = found.branches
    assert (found.vms, branch.count, [leaf.id for leaf in branch.leaves]) == (1, 1, [other.pk])


def test_a_machine_that_one_was_given_alone_counts(site: Site) -> None:
    guest = make_person("eva")
    Grant.objects.create(user=guest.user, role=VIEWER, vm=site.vm)
    found = places(guest.actor)
    assert (found.vms, found.branches) == (1, ())


def test_of_many_projects_the_tree_has_the_first(site: Site) -> None:
    for number in range(60):
        project = Project.objects.create(name=f"p{number:02d}")
        Grant.objects.create(user=site.viewer.user, role=VIEWER, project=project)
    found = places(site.viewer.actor)
    assert (found.projects, len(found.branches), found.more_projects) == (61, 50, 11)
    assert found.branches[0].name == "alpha"
