"""Machines in the services: who may ask for what, and what stands in the database afterwards."""

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_host, site
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NoCapacity, NotFound, WrongState
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.roles import BUILT_IN, OWNER
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services import jobs, vms
from vrabec.services.lists import VmQuery, list_vms
from vrabec.services.permissions import rights
from vrabec.services.verbs import VERBS, allowed_verbs
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import rename_vm, resize_vm
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.wishes import VmSizes

__all__ = ["site"]


def doing(verb: str) -> Callable[..., Job]:
    """The service of a verb, with what it needs beside the machine."""
    if verb == "rename":
        return partial(rename_vm, name="other")
    if verb == "clone":
        return partial(clone_vm, wish=CloneWish("copy", "alpha"))
    if verb == "resize":
        return partial(resize_vm, sizes=VmSizes(cpus=2))
    if verb == "migrate":
        make_host("kvm2")
        return migrate_vm
    found: Callable[..., Job] = getattr(vms, f"{verb}_vm")
    return found


def doer(site: Site, verb: str) -> Person:
    """Who may do it, and no more than that."""
    return site.owner if f"vm.{verb}" in BUILT_IN[OWNER] else site.operator


def test_a_new_machine_is_reserved_and_queued_in_one_go(site: Site) -> None:
    job = vms.create_vm(site.owner.actor, wish=site.wish())
    vm = Vm.objects.get(name="fresh")
    assert (job.state, job.kind, job.vm_id) == (JobState.QUEUED, "vm.create", vm.pk)
    assert (vm.wished, vm.seen, vm.host_id) == (Wished.ON, Seen.PENDING, site.host.pk)
    assert vm.domain_name == "alpha.fresh"
    assert Audit.objects.get(action="vm.create").job_id == job.pk


def test_a_password_is_stored_as_its_hash_alone(site: Site) -> None:
    job = vms.create_vm(site.owner.actor, wish=site.wish(password="very secret words"))
    assert job.args["password_hash"].startswith("$6$")
    assert "very secret" not in str(Job.objects.values().get(pk=job.pk))
    assert "secret" not in str(list(Audit.objects.values()))


def test_a_taken_name_is_a_conflict_that_names_the_field(site: Site) -> None:
    with pytest.raises(Conflict, match="has a machine named web already") as caught:
        vms.create_vm(site.owner.actor, wish=site.wish(name="web"))
    assert caught.value.field == "name"


def test_two_projects_may_use_one_name(site: Site) -> None:
    vms.create_vm(site.owner.actor, wish=site.wish(name="same"))
    vms.create_vm(site.stranger.actor, wish=site.wish(name="same", project="beta"))
    assert {vm.domain_name for vm in Vm.objects.filter(name="same")} == {"alpha.same", "beta.same"}


def test_the_name_of_a_deleted_machine_is_free_again(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(deleted_at="2026-01-01T00:00Z")
    assert vms.create_vm(site.owner.actor, wish=site.wish(name="web")).state == JobState.QUEUED


WRONG = [
    ({"name": "a\nb"}, "name", "Use letters"),
    ({"name": "../etc"}, "name", "Use letters"),
    ({"name": '"><script>'}, "name", "Use letters"),
    ({"name": "x" * 300}, "name", "63 at most"),
    ({"name": "🐦"}, "name", "Use letters"),
    ({"name": ""}, "name", "Use letters"),
    ({"cpus": 0}, "cpus", "from 1 to 4 CPUs"),
    ({"cpus": 5}, "cpus", "from 1 to 4 CPUs"),
    ({"memory_mib": 4097}, "memory_mib", "from 96 to 4096 MiB"),
    ({"memory_mib": 1}, "memory_mib", "from 96 to 4096 MiB"),
    ({"disk_mib": 95}, "disk_mib", "from 96 to"),
    ({"network": "dmz"}, "network", "there is: default"),
    ({"template": "none"}, "template", "no template named none"),
    ({"project": "none"}, "project", "no project named none"),
    ({"ssh_keys": ("rubbish",)}, "ssh_keys", "public key on one line"),
    ({"ssh_keys": ("ssh-ed25519 " + "A" * 50 + "\nruncmd: x",)}, "ssh_keys", "public key on one line"),
    ({"password": "short"}, "password", "8 to 128"),
    ({"password": "with\nnew line"}, "password", "8 to 128"),
    ({"address": "10.0.0.5"}, "address", "such as 10.0.0.5/24"),
    ({"address": "10.0.0.0/24"}, "address", "network's own address"),
    ({"address": "10.0.0.5/24", "gateway": "10.1.0.1"}, "gateway", "in 10.0.0.0/24"),
    ({"gateway": "10.1.0.1"}, "gateway", "needs a fixed address"),
    ({"run": ("x" * 5000,)}, "run", "4000 signs"),
    ({"clone": "half"}, "clone", "linked, full"),
    ({"user_data": "#cloud-config\n{}"}, "user_data", "tiny has no cloud-init: it runs commands alone"),
    ({"firmware": "coreboot"}, "firmware", "bios or uefi"),
    ({"firmware": "uefi"}, "firmware", "tiny boots by BIOS alone"),
]


@pytest.mark.parametrize(
    ("change", "field", "words"), WRONG, ids=[f"{f}-{i}" for i, (_, f, _) in enumerate(WRONG)]
)
def test_wrong_input_names_its_field_and_limit_and_leaves_nothing(
    site: Site, change: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        vms.create_vm(site.owner.actor, wish=site.wish(**change))
    assert field in {error.field for error in caught.value.errors}
    assert Vm.objects.count() == 1
    assert not Job.objects.exists()


def test_every_broken_limit_is_named_at_once(site: Site) -> None:
    with pytest.raises(Invalid) as caught:
        vms.create_vm(site.owner.actor, wish=site.wish(name="A B", cpus=0, disk_mib=1))
    assert {error.field for error in caught.value.errors} == {"name", "cpus", "disk_mib"}


def test_a_name_near_a_wrong_one_is_offered(site: Site) -> None:
    with pytest.raises(Invalid) as caught:
        vms.create_vm(site.owner.actor, wish=site.wish(name="raft_lab 3"))
    assert caught.value.errors[0].params["near"] == "raft-lab-3"


def test_a_template_that_is_still_built_is_refused(site: Site) -> None:
    site.template.state = TemplateState.BUILDING
    site.template.save()
    with pytest.raises(Invalid, match="still being built"):
        vms.create_vm(site.owner.actor, wish=site.wish())


def test_memory_promised_to_others_is_not_given_again(site: Site) -> None:
    vms.create_vm(site.owner.actor, wish=site.wish(name="big", memory_mib=3500))
    with pytest.raises(NoCapacity, match="One host: It has 84 MiB of memory left"):
        vms.create_vm(site.owner.actor, wish=site.wish())
    assert not Vm.objects.filter(name="fresh").exists()


def test_a_host_that_does_not_answer_gets_no_machine(site: Site) -> None:
    site.host.state = HostState.UNREACHABLE
    site.host.save()
    with pytest.raises(NoCapacity, match="One host: It does not answer"):
        vms.create_vm(site.owner.actor, wish=site.wish())


def test_a_viewer_may_look_but_not_touch(site: Site) -> None:
    vm = vms.get_vm(site.viewer.actor, vm_id=site.vm.pk)
    with pytest.raises(Forbidden, match="Only a member of the project"):
        vms.start_vm(site.viewer.actor, vm=vm)


def test_a_stranger_is_told_that_it_is_not_there(site: Site) -> None:
    with pytest.raises(NotFound):
        vms.get_vm(site.stranger.actor, vm_id=site.vm.pk)


def test_a_start_wishes_it_on_and_a_second_one_names_the_first(site: Site) -> None:
    job = vms.start_vm(site.owner.actor, vm=site.vm)
    assert Vm.objects.get(pk=site.vm.pk).wished == Wished.ON
    with pytest.raises(Conflict, match=f"job {job.pk}, vm.start") as caught:
        vms.start_vm(site.owner.actor, vm=site.vm)
    assert caught.value.params["job_id"] == job.pk
    assert Job.objects.count() == 1


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("seen", Seen)
def test_a_verb_is_done_in_its_states_and_refused_in_the_others(site: Site, verb: str, seen: Seen) -> None:
    site.vm.seen = seen
    site.vm.save()
    service, who = doing(verb), doer(site, verb)
    if seen in VERBS[verb].states:
        assert service(who.actor, vm=site.vm).kind == f"vm.{verb}"
        assert Audit.objects.get(action=f"vm.{verb}", actor=who.user.username).subject == "web"
        return
    with pytest.raises(WrongState, match=r"^(The state of )?web "):
        service(who.actor, vm=site.vm)
    assert not Job.objects.exists()


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_refused_while_the_host_does_not_answer(site: Site, verb: str) -> None:
    site.vm.seen = VERBS[verb].states[0]
    site.vm.save()
    Host.objects.update(state=HostState.UNREACHABLE)
    who = doer(site, verb).actor
    vm = vms.get_vm(who, vm_id=site.vm.pk)
    with pytest.raises(WrongState, match="host of web does not answer"):
        doing(verb)(who, vm=vm)
    assert allowed_verbs(rights(who, [vm]), vm) == ()


@pytest.mark.parametrize("verb", VERBS)
def test_a_found_machine_takes_what_is_not_for_managed_ones_alone(site: Site, verb: str) -> None:
    site.vm.seen, site.vm.is_managed, site.vm.wished = VERBS[verb].states[0], False, Wished.NONE
    site.vm.save()
    who = doer(site, verb).actor
    assert (verb in allowed_verbs(rights(who, [site.vm]), site.vm)) == (not VERBS[verb].managed_only)
    if VERBS[verb].managed_only:
        with pytest.raises(WrongState, match="was not made by Vrabec"):
            doing(verb)(who, vm=site.vm)
    else:
        doing(verb)(who, vm=site.vm)
    assert Vm.objects.get(pk=site.vm.pk).wished == Wished.NONE


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_deadline_beyond_its_limits_is_named(site: Site, seconds: int) -> None:
    site.vm.seen = Seen.RUNNING
    site.vm.save()
    with pytest.raises(Invalid, match="from 1 to 3600 seconds") as caught:
        vms.shutdown_vm(site.owner.actor, vm=site.vm, deadline_seconds=seconds)
    assert caught.value.field == "deadline_seconds"


@pytest.mark.parametrize("verb", ["reboot", "reset", "pause", "resume", "send_keys"])
def test_what_does_not_end_in_on_or_off_leaves_the_wish(site: Site, verb: str) -> None:
    site.vm.seen, site.vm.wished = VERBS[verb].states[0], Wished.ON
    site.vm.save()
    doing(verb)(site.owner.actor, vm=site.vm)
    assert Vm.objects.get(pk=site.vm.pk).wished == Wished.ON


def test_only_verbs_that_would_be_done_are_offered(site: Site) -> None:
    owner = rights(site.owner.actor, [site.vm])
    assert allowed_verbs(owner, site.vm) == ("start", "rename", "resize", "clone", "delete")
    assert allowed_verbs(owner, site.vm, busy=True) == ()
    assert allowed_verbs(rights(site.teammate.actor, [site.vm]), site.vm) == ("start", "clone")
    assert allowed_verbs(rights(site.viewer.actor, [site.vm]), site.vm) == ()


def test_a_list_costs_the_same_queries_with_more_rows(site: Site) -> None:
    actor = site.owner.actor

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            list_vms(actor, VmQuery())
        return len(captured)

    few = queries()
    for number in range(30):
        site.make_vm(f"m{number}")
    assert queries() == few == 4


def test_a_list_shows_what_needs_a_person_first(site: Site) -> None:
    for name, seen in (("b", Seen.RUNNING), ("a", Seen.CRASHED), ("c", Seen.PAUSED)):
        site.make_vm(name, seen=seen)
    found = list_vms(site.owner.actor, VmQuery())
    assert [vm.name for vm in found.rows] == ["a", "c", "b", "web"]
    assert found.total == 4


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (VmQuery(search="EB"), ["web"]),
        (VmQuery(search="192.168."), ["db"]),
        (VmQuery(state="running"), ["db"]),
        (VmQuery(state="off"), ["web"]),
        (VmQuery(state="changing"), []),
        (VmQuery(host="kvm1", project="alpha", sort="name"), ["db", "web"]),
        (VmQuery(host="none"), []),
        (VmQuery(sort="name", per_page=1, page=2), ["web"]),
        (VmQuery(search="%"), []),
    ],
)
def test_a_list_is_filtered(site: Site, query: VmQuery, names: list[str]) -> None:
    site.make_vm("db", seen=Seen.RUNNING, address="192.168.122.9")
    assert [vm.name for vm in list_vms(site.operator.actor, query).rows] == names


def test_a_list_of_an_unknown_state_says_which_there_are(site: Site) -> None:
    with pytest.raises(Invalid, match="crashed, unknown, changing"):
        list_vms(site.owner.actor, VmQuery(state="asleep"))


def test_a_stranger_lists_nothing_of_others(site: Site) -> None:
    vms.start_vm(site.owner.actor, vm=site.vm)
    assert list_vms(site.stranger.actor, VmQuery()).total == 0
    assert list(jobs.list_jobs(site.stranger.actor)) == []


def test_the_record_cannot_be_changed_or_deleted(site: Site) -> None:
    vms.start_vm(site.owner.actor, vm=site.vm)
    for change in (lambda: Audit.objects.update(actor="x"), lambda: Audit.objects.all().delete()):
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            change()
    assert Audit.objects.filter(action="vm.start", actor="olga").count() == 1


def test_the_database_itself_refuses_a_second_active_job(site: Site) -> None:
    vms.start_vm(site.owner.actor, vm=site.vm)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.create(kind="vm.start", vm=site.vm, created_by_name="x")


def test_user_data_goes_to_templates_with_cloud_init(site: Site) -> None:
    Template.objects.update(takes_user_data=True)
    job = vms.create_vm(site.owner.actor, wish=site.wish(user_data="#!/bin/sh\nid\n", clone="full"))
    assert (job.args["user_data"], job.args["clone"]) == ("#!/bin/sh\nid\n", "full")
    assert "/bin/sh" not in str(list(Audit.objects.values()))


def test_malformed_user_data_names_the_field_and_the_line(site: Site) -> None:
    Template.objects.update(takes_user_data=True)
    with pytest.raises(Invalid, match="Line 3: ") as caught:
        vms.create_vm(site.owner.actor, wish=site.wish(user_data="#cloud-config\na: 1\n\tb: 2"))
    assert caught.value.field == "user_data"
    assert not Job.objects.exists()
