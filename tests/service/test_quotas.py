"""Quotas: what counts, whose, when it is asked, and that many at once do not take one twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, make_host, make_person, site
from vrabec.lib.errors import Forbidden, Invalid, NotFound, QuotaExceeded
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.roles import CLONER, MEMBER
from vrabec.models.templates import Template, TemplateState
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import quotas, vms
from vrabec.services.access import transfer
from vrabec.services.quotas import Limits, budget_of, set_limits
from vrabec.services.vm_adopt import adopt_vm
from vrabec.services.vm_bulk import BulkAction, Selection, act_on_many
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import VmSizes, resize_vm
from vrabec.services.wishes import VmWish

__all__ = ["site"]


def limit(site: Site, payer: object, **limits: object) -> None:
    kind = payer._meta.model_name  # type: ignore[attr-defined]
    name = getattr(payer, "username", "") or payer.name  # type: ignore[attr-defined]
    set_limits(site.administrator.actor, kind=kind, name=name, limits=Limits(**limits))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"vms": 1}, "may have 1 machine and has 1 machine; this would take 1 machine more"),
        ({"cpus": 1}, "may have 1 CPU and has 1 CPU; this would take 1 CPU more"),
        (
            {"memory_mib": 300},
            "300 MiB of memory and has 192 MiB of memory; this would take 192 MiB of memory more",
        ),
        ({"disk_mib": 2000}, "of disk more"),
    ],
)
def test_a_create_beyond_the_projects_quota_is_refused_kindly(
    site: Site, limits: dict[str, int], said: str
) -> None:
    limit(site, site.project, **limits)
    with pytest.raises(QuotaExceeded) as caught:
        vms.create_vm(site.owner.actor, wish=site.wish())
    assert said in caught.value.message
    assert caught.value.message.endswith("ask an administrator for more.")
    assert caught.value.field == ("" if "vms" in limits else next(iter(limits)))
    assert not Job.objects.exists()
    assert Vm.objects.count() == 1


def test_and_one_within_it_is_made(site: Site) -> None:
    limit(site, site.project, vms=2, cpus=2, memory_mib=384, disk_mib=2048)
    vms.create_vm(site.owner.actor, wish=site.wish())
    budget = budget_of(site.project)
    assert [budget.left(what) for what in ("vms", "cpus", "memory_mib", "disk_mib")] == [0, 0, 0, 0]


def test_administrators_are_bound_as_well(site: Site) -> None:
    limit(site, site.project, vms=1)
    with pytest.raises(QuotaExceeded):
        vms.create_vm(site.administrator.actor, wish=site.wish())


def test_a_machine_counts_for_who_made_it(site: Site) -> None:
    limit(site, site.owner.user, vms=1)
    vms.create_vm(site.owner.actor, wish=site.wish())
    with pytest.raises(QuotaExceeded, match="You may have 1 machine and have 1 machine"):
        vms.create_vm(site.owner.actor, wish=site.wish(name="second"))
    vms.create_vm(site.teammate.actor, wish=site.wish(name="second"))


def test_where_no_quota_is_set_the_default_holds_and_without_one_nothing_does(site: Site) -> None:
    vms.create_vm(site.owner.actor, wish=site.wish(name="first"))
    set_limits(site.administrator.actor, kind="user", limits=Limits(vms=1))
    with pytest.raises(QuotaExceeded):
        vms.create_vm(site.owner.actor, wish=site.wish(name="second"))
    limit(site, site.owner.user, vms=2)
    vms.create_vm(site.owner.actor, wish=site.wish(name="second"))
    set_limits(site.administrator.actor, kind="user", name="olga", limits=None)
    assert budget_of(site.owner.user).left("vms") == -1


def test_a_quota_that_was_lowered_below_use_takes_nothing_away(site: Site) -> None:
    limit(site, site.project, vms=0)
    assert budget_of(site.project).left("vms") == -1
    site.vm.seen = Seen.OFF
    vms.start_vm(site.owner.actor, vm=site.vm)
    with pytest.raises(QuotaExceeded):
        vms.create_vm(site.owner.actor, wish=site.wish())


def test_hosts_that_are_down_change_nothing(site: Site) -> None:
    limit(site, site.project, vms=2)
    Host.objects.filter(pk=site.host.pk).update(state=HostState.UNREACHABLE)
    make_host("kvm2")
    vms.create_vm(site.owner.actor, wish=site.wish())
    with pytest.raises(QuotaExceeded):
        vms.create_vm(site.owner.actor, wish=site.wish(name="second"))


def test_a_copy_counts(site: Site) -> None:
    limit(site, site.project, disk_mib=2000)
    with pytest.raises(QuotaExceeded, match="of disk"):
        clone_vm(site.owner.actor, vm=site.vm, wish=CloneWish("copy", "alpha"))


def test_a_resize_counts_from_when_it_is_asked_for(site: Site) -> None:
    limit(site, site.project, cpus=4)
    other = site.make_vm("other")
    resize_vm(site.owner.actor, vm=site.vm, sizes=VmSizes(cpus=3))
    with pytest.raises(QuotaExceeded, match="may have 4 CPUs and has 4 CPUs; this would take 1 CPU more"):
        resize_vm(site.owner.actor, vm=other, sizes=VmSizes(cpus=2))


def test_what_shrinks_is_always_let(site: Site) -> None:
    Vm.objects.update(cpus=4)
    limit(site, site.project, cpus=1, vms=0)
    resize_vm(site.owner.actor, vm=Vm.objects.get(), sizes=VmSizes(cpus=2))


def test_where_what_runs_counts_a_start_is_asked(site: Site) -> None:
    limit(site, site.project, cpus=1, memory_mib=200, counts_running=True)
    other = site.make_vm("other")
    vms.start_vm(site.owner.actor, vm=site.vm)
    with pytest.raises(QuotaExceeded, match="may have 1 CPU and has 1 CPU"):
        vms.start_vm(site.owner.actor, vm=other)
    clone_vm(site.owner.actor, vm=other, wish=CloneWish("copy", "alpha"))


def test_among_many_as_many_start_as_fit(site: Site) -> None:
    limit(site, site.project, cpus=2, counts_running=True)
    chosen = [site.vm.pk, *(site.make_vm(f"vm-{number}").pk for number in range(3))]
    outcomes = act_on_many(
        site.owner.actor, selection=Selection(ids=tuple(chosen)), action=BulkAction("start")
    )
    assert sum(one.job is not None for one in outcomes) == 2
    assert {one.refusal.error.code for one in outcomes if one.refusal} == {"quota_exceeded"}


def test_who_is_given_a_machine_has_room_for_it(site: Site) -> None:
    limit(site, site.teammate.user, vms=0)
    with pytest.raises(QuotaExceeded):
        transfer(site.owner.actor, vm=site.vm, user="tom")
    assert Vm.objects.get(pk=site.vm.pk).owner is None


def test_a_group_pays_for_what_it_owns(site: Site) -> None:
    group = Group.objects.create(name="botany")
    Grant.objects.create(group=group, role=MEMBER, project=site.project)
    limit(site, group, vms=1)
    transfer(site.owner.actor, vm=site.vm, group="botany")
    with pytest.raises(QuotaExceeded, match="The group botany"):
        transfer(site.owner.actor, vm=site.make_vm("other"), group="botany")


def test_a_found_machine_counts_once_it_is_in_a_project(site: Site) -> None:
    found = site.make_vm("found", project=None, is_managed=False)
    limit(site, site.project, vms=1)
    with pytest.raises(QuotaExceeded):
        adopt_vm(site.administrator.actor, vm_id=found.pk, project="alpha")
    assert Vm.objects.get(pk=found.pk).project is None


@pytest.mark.parametrize(("limits", "field"), [({"vms": -1}, "vms"), ({"memory_mib": 2**31}, "memory_mib")])
def test_a_limit_that_cannot_be_is_named(site: Site, limits: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        limit(site, site.project, **limits)
    assert caught.value.field == field


def test_only_administrators_set_quotas_and_others_read_their_own(site: Site) -> None:
    with pytest.raises(Forbidden):
        set_limits(site.operator.actor, kind="project", name="alpha", limits=Limits(vms=1))
    owner = site.owner.actor
    assert quotas.read_budget(owner, payer=quotas.payer_named(owner)).name == "olga"
    assert quotas.read_budget(owner, payer=quotas.payer_named(owner, project="alpha")).name == "alpha"
    assert quotas.payer_named(owner, user="olga") == site.owner.user
    with pytest.raises(NotFound):
        quotas.payer_named(site.stranger.actor, project="alpha")
    for name in ({"user": "tom"}, {"group": "botany"}, {"user": "nobody"}):
        with pytest.raises(Forbidden):
            quotas.payer_named(owner, **name)
    assert quotas.payer_named(site.operator.actor, user="tom") == site.teammate.user


def test_who_is_in_a_group_reads_its_quota_and_nobody_else(site: Site) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(group=group, user=site.teammate.user)
    tom, olga = site.teammate.actor, site.owner.actor
    assert quotas.read_budget(tom, payer=quotas.payer_named(tom, group="botany")).name == "botany"
    with pytest.raises(Forbidden):
        quotas.read_budget(olga, payer=group)
    for name in ({"group": "botany"}, {"group": "none"}, {"user": "tom", "group": ""}):
        with pytest.raises(Forbidden):
            quotas.payer_named(olga, **name)


def test_a_change_is_on_record_with_what_was_before(site: Site) -> None:
    limit(site, site.project, vms=1)
    limit(site, site.project, vms=2)
    lines = Audit.objects.filter(action="quota.change").order_by("pk")
    assert [(line.subject, line.detail["before"]["vms"], line.detail["after"]["vms"]) for line in lines] == [
        ("alpha", None, 1),
        ("alpha", 1, 2),
    ]
    assert Quota.objects.count() == 1


def test_what_is_taken_costs_the_same_queries_with_many_machines(site: Site) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            budget_of(site.project)
        return len(asked)

    few = queries()
    for number in range(20):
        site.make_vm(f"vm-{number}", wished=Wished.ON)
    assert queries() == few == 3


@pytest.mark.django_db(transaction=True)
def test_fifty_creates_at_once_against_a_limit_of_ten_make_ten(transactional_db: None) -> None:
    project = Project.objects.create(name="alpha")
    for number in range(3):
        make_host(f"kvm{number}")
    Template.objects.create(
        name="tiny", title="Tiny", builder="tiny", state=TemplateState.READY, disk_mib=96, memory_mib=96
    )
    person = make_person("eva", CLONER, project)
    Quota.objects.create(kind="project", project=project, vms=10)

    def make(number: int) -> bool:
        sizes = {"cpus": 1, "memory_mib": 96, "disk_mib": 96}
        wish = VmWish(name=f"vm-{number}", project="alpha", template="tiny", **sizes)
        try:
            vms.create_vm(person.actor, wish=wish)
        except QuotaExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(50) as threads:
        made = list(threads.map(make, range(50)))
    assert made.count(True) == 10
    assert Vm.objects.present().count() == Job.objects.count() == 10
