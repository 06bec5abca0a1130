"""Projects are changed by their owners, and removed by administrators once nothing lies in them."""

from collections.abc import Callable

import pytest

from tests.cast import Site, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NotFound, VrabecError, WrongState
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.roles import VIEWER, Role
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.access import give
from vrabec.services.holders import Holder
from vrabec.services.jobs import retry_job
from vrabec.services.leases import LeaseRules, set_rules
from vrabec.services.project_edit import change_project, remove_project
from vrabec.services.projects import get_project
from vrabec.services.quotas import Limits, set_limits
from vrabec.services.tokens import create_token, project_names_of
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.whereabouts import come_back

__all__ = ["site"]


def emptied(**columns: object) -> None:
    """The machine of the site is gone."""
    Vm.objects.update(deleted_at=now(), **columns)


def test_an_owner_changes_the_title_and_the_name_stays(site: Site) -> None:
    change_project(site.owner.actor, project=site.project, title=" The first ")
    found = get_project(site.viewer.actor, name="alpha")
    assert (found.title, found.shown_name) == ("The first", "The first")
    change_project(site.operator.actor, project=found, title="")
    assert Project.objects.get(name="alpha").shown_name == "alpha"
    lines = Audit.objects.filter(action="project.change").order_by("pk")
    assert [(line.actor, line.detail) for line in lines] == [
        ("olga", {"before": "", "after": "The first"}),
        ("oto", {"before": "The first", "after": ""}),
    ]


@pytest.mark.parametrize("title", ["x" * 121, "two\nlines", "nu\0l"])
def test_a_title_that_cannot_be_shown_is_refused(site: Site, title: str) -> None:
    with pytest.raises(Invalid, match="120 signs at most") as refused:
        change_project(site.owner.actor, project=site.project, title=title)
    assert refused.value.field == "title"


@pytest.mark.parametrize(
    "act",
    [
        lambda actor, project: change_project(actor, project=project, title="x"),
        lambda actor, project: remove_project(actor, project=project),
    ],
)
def test_neither_is_for_members(site: Site, act: Callable[..., object]) -> None:
    for who in (site.teammate, site.viewer, site.stranger):
        with pytest.raises(Forbidden):
            act(who.actor, site.project)
    assert Project.objects.get(name="alpha").title == ""


def test_to_remove_is_for_administrators_or_a_role_that_has_it(site: Site) -> None:
    emptied()
    for who in (site.owner, site.operator):
        with pytest.raises(Forbidden):
            remove_project(who.actor, project=site.project)
    Role.objects.create(name="keeper", verb_line=" project.remove project.view ")
    give(site.administrator.actor, holder=Holder(user=site.stranger.user), role="keeper", scope=site.project)
    remove_project(site.stranger.actor, project=site.project)
    assert not Project.objects.filter(name="alpha").exists()


def test_one_with_machines_stays_and_says_which(site: Site) -> None:
    for number in range(6):
        site.make_vm(f"more-{number}")
    with pytest.raises(Conflict, match=r"in the project alpha: more-0, .*, more-4 and 2 more\. Delete"):
        remove_project(site.administrator.actor, project=site.project)
    assert Grant.objects.filter(project=site.project).exists()


def test_machines_that_one_may_not_see_are_counted_and_not_named(site: Site) -> None:
    Role.objects.create(name="keeper", verb_line=" project.remove project.view ")
    Grant.objects.create(user=site.stranger.user, role="keeper", project=site.project)
    with pytest.raises(Conflict, match=r"in the project alpha: 1\. Delete"):
        remove_project(site.stranger.actor, project=site.project)


def test_one_in_which_a_job_works_stays(site: Site) -> None:
    emptied()
    job = Job.objects.create(kind="vm.delete", vm=site.vm, project=site.project, created_by_name="x")
    with pytest.raises(Conflict, match=f"Job {job.pk} still works in the project alpha"):
        remove_project(site.administrator.actor, project=site.project)


def test_what_was_given_goes_with_it_and_the_record_stays(site: Site) -> None:
    ada = site.administrator.actor
    emptied()
    set_limits(ada, kind="project", name="alpha", limits=Limits(vms=3))
    set_rules(ada, project=site.project, rules=LeaseRules(30))
    token, _ = create_token(site.owner.actor, name="ci", projects=["alpha"])
    Job.objects.create(
        kind="vm.delete", vm=site.vm, project=site.project, state=JobState.DONE, created_by_name="x"
    )
    remove_project(ada, project=site.project)
    assert not Project.objects.filter(name="alpha").exists()
    assert not Grant.objects.filter(user=site.owner.user).exists()
    assert not Quota.objects.exists()
    assert [Vm.objects.get().project, Job.objects.get().project] == [None, None]
    assert project_names_of([token]) == {token.pk: []}
    line = Audit.objects.get(action="project.remove")
    assert (line.actor, line.subject, line.detail) == ("ada", "alpha", {"title": "", "grants": 3})
    assert Audit.objects.filter(action="project.lease", subject="alpha").exists()


def test_a_machine_that_its_host_lost_comes_back_as_one_that_was_found(site: Site) -> None:
    emptied(is_lost=True, owner=site.owner.user)
    remove_project(site.administrator.actor, project=site.project)
    seen = {"name": "alpha.web", "seen": 60}
    come_back(site.host.pk, {str(site.vm.uuid): seen})
    found = Vm.objects.get()
    assert (found.deleted_at, found.project, found.is_managed, found.owner) == (None, None, False, None)
    adopt_vm(site.administrator.actor, vm_id=found.pk, project="beta")
    assert Vm.objects.get().project == site.other


def test_a_making_that_failed_is_not_tried_again_without_its_project(site: Site) -> None:
    emptied()
    job = Job.objects.create(
        kind="vm.create", vm=site.vm, project=site.project, state=JobState.FAILED, created_by_name="x"
    )
    remove_project(site.administrator.actor, project=site.project)
    with pytest.raises(WrongState, match=r"project of .* was removed"):
        retry_job(site.administrator.actor, job=Job.objects.get(pk=job.pk))


def test_a_machine_that_is_made_meanwhile_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the project went between the look at it and placement's lock."""
    Project.objects.create(name="short")

    def removed_meanwhile() -> None:
        Project.objects.filter(name="short").delete()

    monkeypatch.setattr(vms, "take_lock", removed_meanwhile)
    with pytest.raises(NotFound, match="no project named short"):
        vms.create_vm(site.administrator.actor, wish=site.wish(project="short"))


def test_one_that_is_not_seen_is_not_there(site: Site) -> None:
    with pytest.raises(VrabecError, match="There is no project named alpha"):
        get_project(site.stranger.actor, name="alpha")
    Grant.objects.create(user=site.stranger.user, role=VIEWER, project=site.project)
    assert get_project(site.stranger.actor, name="alpha") == site.project
