"""What is said of a machine, and what it is to become: limits, rights, and two people at once."""

import pytest

from tests.cast import Site, site
from vrabec.lib.errors import Forbidden, Invalid
from vrabec.models.audit import Audit
from vrabec.models.vms import Vm
from vrabec.services.lists import VmQuery, list_vms
from vrabec.services.vm_edit import VmWords, describe_vm

__all__ = ["site"]


def describe(site: Site, **words: object) -> Vm:
    describe_vm(site.owner.actor, vm=site.vm, words=VmWords(**words))
    return Vm.objects.get(pk=site.vm.pk)


def test_a_description_and_tags_are_kept_and_recorded(site: Site) -> None:
    vm = describe(site, description="Grades.\r\nAsk Ada.", tags=("web", "prod"))
    assert (vm.description, vm.tags) == ("Grades.\nAsk Ada.", ["prod", "web"])
    line = Audit.objects.get(action="vm.describe")
    assert (line.subject_id, line.detail) == (vm.pk, {"tags": ["prod", "web"]})


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
        describe_vm(site.teammate.actor, vm=site.vm, words=VmWords(description="mine"))


def test_the_list_finds_whole_tags_alone(site: Site) -> None:
    describe(site, tags=("prod", "web"))
    other = site.make_vm("other", tag_line=" production webx ")
    found = {
        tag: {vm.pk for vm in list_vms(site.owner.actor, VmQuery(tag=tag)).rows}
        for tag in ("prod", "web", "ro", "%")
    }
    assert found == {"prod": {site.vm.pk}, "web": {site.vm.pk}, "ro": set(), "%": set()}
    assert other.tags == ["production", "webx"]
