"""What is said of a machine, and what it is to become: limits, rights, and two people at once."""

import pytest

from tests.cast import Site, site
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NoCapacity, WrongState
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.jobs import Job
from vrabec.models.roles import VIEWER
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.lists import VmQuery, list_vms
from vrabec.services.placement import rooms
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import VmWords, describe_vm, rename_vm, resize_vm
from vrabec.services.vms import start_vm
from vrabec.services.wishes import VmSizes

__all__ = ["site"]


def describe(site: Site, **words: object) -> Vm:
    describe_vm(site.owner.actor, vm=site.vm, words=VmWords(**words))
    return Vm.objects.get(pk=site.vm.pk)


def test_a_description_and_tags_are_kept_and_recorded(site: Site) -> None:
    vm = describe(site, description="Grades.\r\nAsk Ada.", tags=("web", "prod"))
    assert (vm.description, vm.tags) == ("Grades.\nAsk Ada.", ["prod", "web"])
    line = Audit.objects.get(action="vm.describe")
    before = {"description": "", "tags": []}
    after = {"description": "Grades.\nAsk Ada.", "tags": ["prod", "web"]}
    assert (line.subject_id, line.detail) == (vm.pk, {"before": before, "after": after})


def test_only_what_changed_is_recorded_and_of_long_words_the_beginning(site: Site) -> None:
    describe(site, description="x" * 4000, tags=("web",))
    describe(site, description="Grades", farm="db")
    line = Audit.objects.filter(action="vm.describe").latest("pk")
    assert line.detail == {
        "before": {"description": "x" * 500, "farm": ""},
        "after": {"description": "Grades", "farm": "db"},
    }


def test_what_is_left_out_stays(site: Site) -> None:
    describe(site, description="Grades", tags=("prod",))
    assert describe(site, tags=("web",)).description == "Grades"
    assert describe(site, description="").tags == ["web"]


def test_a_row_read_before_somebody_else_tagged_loses_none_of_the_tags(site: Site) -> None:
    stale = Vm.objects.get(pk=site.vm.pk)
    describe(site, tag=("one",))
    describe_vm(site.owner.actor, vm=stale, words=VmWords(tag=("two",), untag=("none",)))
    assert stale.tags == Vm.objects.get(pk=site.vm.pk).tags == ["one", "two"]


def test_saying_the_same_again_is_no_change(site: Site) -> None:
    version = describe(site, tags=("web",)).version
    assert describe(site, tags=("web",)).version == version
    assert Audit.objects.filter(action="vm.describe").count() == 1


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a\nb\tc", "👨‍👩‍👧", "\u202eabc", "' OR 1=1 --", "%s %(x)s"]
)
def test_a_hostile_description_is_only_text(site: Site, text: str) -> None:
    assert describe(site, description=text).description == text


@pytest.mark.parametrize("text", ["x" * 4001, "a\0b", "\x1b[2J", "\ud800"])
def test_a_description_beyond_its_limit_names_it(site: Site, text: str) -> None:
    with pytest.raises(Invalid, match="at most 4000 signs") as caught:
        describe(site, description=text)
    assert caught.value.field == "description"


@pytest.mark.parametrize("tag", ["", "A", "a b", "a_b", "x" * 33, "é", "a\n", "%", "<b>"])
def test_a_wrong_tag_is_named(site: Site, tag: str) -> None:
    with pytest.raises(Invalid, match="1 to 32 of") as caught:
        describe(site, tag=(tag,))
    assert caught.value.field == "tags"


def test_twenty_tags_are_the_most(site: Site) -> None:
    names = tuple(f"t{n}" for n in range(20))
    assert len(describe(site, tags=names).tags) == 20
    with pytest.raises(Invalid, match="At most 20 tags"):
        describe(site, tag=("one-more",))


def test_who_may_only_look_describes_nothing(site: Site) -> None:
    with pytest.raises(Forbidden):
        describe_vm(site.viewer.actor, vm=site.vm, words=VmWords(description="mine"))


def test_the_list_finds_whole_tags_alone(site: Site) -> None:
    describe(site, tags=("prod", "web"))
    other = site.make_vm("other", tag_line=" production webx ")
    found = {
        tag: {vm.pk for vm in list_vms(site.owner.actor, VmQuery(tag=tag)).rows}
        for tag in ("prod", "web", "ro", "%")
    }
    assert found == {"prod": {site.vm.pk}, "web": {site.vm.pk}, "ro": set(), "%": set()}
    assert other.tags == ["production", "webx"]


def fresh(site: Site) -> Vm:
    return Vm.objects.select_related("host", "project", "template").get(pk=site.vm.pk)


def test_a_rename_is_queued_with_the_name_on_the_host(site: Site) -> None:
    job = rename_vm(site.owner.actor, vm=fresh(site), name="db")
    assert (job.kind, job.args) == ("vm.rename", {"name": "db", "domain_name": "alpha.db"})
    assert Audit.objects.get(action="vm.rename").detail == {"before": "web", "to": "db"}
    assert fresh(site).name == "web"


def test_a_rename_to_a_taken_name_is_a_conflict_that_names_the_field(site: Site) -> None:
    site.make_vm("db")
    for name in ("db", "web"):
        with pytest.raises(Conflict, match=f"has a machine named {name} already") as caught:
            rename_vm(site.owner.actor, vm=fresh(site), name=name)
        assert caught.value.field == "name"


def test_a_running_machine_keeps_its_name(site: Site) -> None:
    Vm.objects.update(seen=Seen.RUNNING)
    with pytest.raises(WrongState, match="web runs: shut it down first"):
        rename_vm(site.owner.actor, vm=fresh(site), name="db")


@pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 64, "db.example"])
def test_a_name_that_is_none_is_refused(site: Site, name: str) -> None:
    with pytest.raises(Invalid, match="Use letters") as caught:
        rename_vm(site.owner.actor, vm=fresh(site), name=name)
    assert caught.value.field == "name"


def resize(site: Site, **sizes: int) -> Job:
    return resize_vm(site.owner.actor, vm=fresh(site), sizes=VmSizes(**sizes))


def test_a_resize_asks_for_what_differs_alone(site: Site) -> None:
    assert resize(site, cpus=2, memory_mib=192, disk_mib=2048).args == {"cpus": 2, "disk_mib": 2048}
    assert Audit.objects.get(action="vm.resize").detail == {
        "before": {"cpus": 1, "disk_mib": 1024},
        "after": {"cpus": 2, "disk_mib": 2048},
    }


def test_going_back_to_what_runs_is_a_change_while_another_size_waits(site: Site) -> None:
    Vm.objects.update(seen=Seen.RUNNING, next_cpus=2)
    assert resize(site, cpus=1).args == {"cpus": 1}


def test_a_resize_to_the_same_is_refused(site: Site) -> None:
    with pytest.raises(Invalid, match="has these sizes already"):
        resize(site, cpus=1)


@pytest.mark.parametrize(
    ("sizes", "field", "words"),
    [
        ({"cpus": 0}, "cpus", "from 1 to 4 CPUs"),
        ({"cpus": 5}, "cpus", "from 1 to 4 CPUs"),
        ({"memory_mib": 95}, "memory_mib", "from 96 to 4096 MiB"),
        ({"memory_mib": 4097}, "memory_mib", "from 96 to 4096 MiB"),
        ({"disk_mib": 1023}, "disk_mib", "only grows: it has 1024 MiB"),
        ({"disk_mib": 2**27}, "disk_mib", "from 1 to 67108864 MiB"),
        ({"disk_mib": -1}, "disk_mib", "only grows"),
    ],
)
def test_a_size_beyond_its_limit_names_field_and_limit(
    site: Site, sizes: dict[str, int], field: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        resize(site, **sizes)
    assert caught.value.field == field


def test_every_broken_size_is_named_at_once(site: Site) -> None:
    with pytest.raises(Invalid) as caught:
        resize(site, cpus=0, memory_mib=1, disk_mib=1)
    assert [error.field for error in caught.value.errors] == ["cpus", "memory_mib", "disk_mib"]


def test_memory_is_promised_from_the_moment_it_is_asked_for(site: Site) -> None:
    Vm.objects.update(seen=Seen.RUNNING)
    resize(site, memory_mib=1192)
    assert rooms()[0].promised_mib == 1192
    Job.objects.update(state="done")
    assert rooms()[0].promised_mib == 192
    Vm.objects.update(next_memory_mib=1192)
    assert rooms()[0].promised_mib == 1192


def test_a_running_machine_is_not_promised_what_its_host_has_not(site: Site) -> None:
    Vm.objects.update(seen=Seen.RUNNING)
    site.make_vm("big", seen=Seen.RUNNING, memory_mib=3000)
    with pytest.raises(NoCapacity, match="584 MiB of memory left"):
        resize(site, memory_mib=1000)
    assert resize(site, memory_mib=584).args == {"memory_mib": 584}


def test_a_machine_that_is_off_takes_no_room_until_it_starts(site: Site) -> None:
    site.make_vm("big", seen=Seen.RUNNING, memory_mib=3000)
    resize(site, memory_mib=1000)
    assert rooms()[0].promised_mib == 3000


def clone(site: Site, **wish: object) -> Job:
    return clone_vm(
        site.owner.actor, vm=fresh(site), wish=CloneWish(**({"name": "copy", "project": "alpha"} | wish))
    )


def test_a_copy_has_names_of_its_own_and_the_same_size(site: Site) -> None:
    Vm.objects.update(cpus=2, disk_mib=2048, tag_line=" prod ", mac="52:54:00:00:00:01")
    job = clone(site, password="very secret words")
    made, source = Vm.objects.get(name="copy"), fresh(site)
    assert (job.kind, job.vm_id, job.args["source"]) == ("vm.clone", made.pk, source.pk)
    assert (made.cpus, made.disk_mib, made.tags, made.wished) == (2, 2048, ["prod"], Wished.OFF)
    assert made.domain_name == "alpha.copy"
    assert {made.uuid, made.mac, made.file_stem}.isdisjoint({source.uuid, source.mac, source.file_stem})
    assert "secret" not in str(list(Audit.objects.values())) + str(job.args)


def test_nothing_is_done_to_a_machine_that_is_being_copied(site: Site) -> None:
    job = clone(site)
    with pytest.raises(Conflict, match=f"web is being copied: job {job.pk}"):
        start_vm(site.owner.actor, vm=fresh(site))
    assert clone(site, name="another").state == "queued"
    Job.objects.update(state="done")
    assert start_vm(site.owner.actor, vm=fresh(site)).kind == "vm.start"


def test_a_machine_with_a_job_is_not_copied(site: Site) -> None:
    job = start_vm(site.owner.actor, vm=fresh(site))
    with pytest.raises(Conflict, match=f"job {job.pk}, vm.start"):
        clone(site)
    assert not Vm.objects.filter(name="copy").exists()


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": "A B"}, "name"),
        ({"project": "none"}, "project"),
        ({"ssh_keys": ("rubbish",)}, "ssh_keys"),
        ({"password": "short"}, "password"),
    ],
)
def test_a_wrong_copy_names_its_field(site: Site, wish: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        clone(site, **wish)
    assert caught.value.field == field
    assert Vm.objects.count() == 1


def test_a_copy_into_a_project_that_one_only_sees_is_forbidden(site: Site) -> None:
    Grant.objects.create(user=site.owner.user, project=site.other, role=VIEWER)
    with pytest.raises(Forbidden):
        clone(site, project="beta")
