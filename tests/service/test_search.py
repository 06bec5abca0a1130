"""The search language: what each word finds, and what is said to a word that asks what there is not."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cast import Site, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid
from vrabec.models.hosts import HostState
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Seen
from vrabec.services import search, vms
from vrabec.services.leases import day_in, end_on
from vrabec.services.lists import VmQuery, list_vms

__all__ = ["site"]


@pytest.fixture
def four(site: Site) -> Site:
    """The machine "web" that is off, and three others."""
    site.make_vm(
        "web-2",
        seen=Seen.RUNNING,
        address="192.168.122.9",
        mac="52:54:00:ab:cd:ef",
        cpus=4,
        tag_line=" blue green ",
    )
    site.make_vm("db", seen=Seen.PAUSED, memory_mib=2048, is_ready=True, created_by=site.owner.user)
    site.make_vm("two words", seen=Seen.CRASHED, is_managed=False, network="lab", address="fd00::7")
    return site


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["db", "two words", "web", "web-2"]),
        ("WEB", ["web", "web-2"]),
        ("web 2", ["web-2"]),
        ('"two words"', ["two words"]),
        ("-web", ["db", "two words"]),
        ("alpha db", ["db"]),
        ("192.168.", ["web-2"]),
        ("52:54:00:AB", ["web-2"]),
        ("fd00::7", ["two words"]),
        ("state:running", ["web-2"]),
        ("state:paused,crashed", ["db", "two words"]),
        ("-state:paused,crashed web", ["web", "web-2"]),
        ("name:w -name:web", ["two words"]),
        ("host:kvm1 is:ready", ["db"]),
        ("is:found", ["two words"]),
        ("project:beta", []),
        ("template:tiny network:default", ["db", "web", "web-2"]),
        ("by:olga", ["db"]),
        ("tag:blue", ["web-2"]),
        ("tag:blu", []),
        ("memory>=2G", ["db"]),
        ("memory<1GiB cpus>1", ["web-2"]),
        ("cpus:4", ["web-2"]),
        ("disk>2T", []),
        ("state:", []),
        ("-", ["db", "two words", "web", "web-2"]),
    ],
)
def test_all_words_of_a_search_must_hold(four: Site, text: str, names: list[str]) -> None:
    found = list_vms(four.administrator.actor, VmQuery(search=text, sort="name"))
    assert [vm.name for vm in found.rows] == names


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour:red", "Nothing can be searched by colour:. Use name:, host:"),
        ("host>3", "Nothing can be searched by host>"),
        ("state:asleep", "There is no asleep to search for. Choose one of: crashed, unknown"),
        ("is:odd", "Choose one of: ready"),
        ("memory>much", "Write an amount such as 512 MiB"),
        ("cpus>two", "Write a number of CPUs"),
        ("cpus>99999999999", "Write a number of CPUs"),
    ],
)
def test_a_word_that_asks_what_there_is_not_is_explained(four: Site, text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence) as caught:
        list_vms(four.administrator.actor, VmQuery(search=text))
    assert caught.value.field == "search"


def test_hosts_are_searched_by_those_alone_who_see_hosts(four: Site) -> None:
    with pytest.raises(Invalid, match=r"Nothing can be searched by host:\. Use name:, project:"):
        list_vms(four.owner.actor, VmQuery(search="host:kvm1"))


def test_a_machine_at_work_is_found_once(four: Site) -> None:
    vms.start_vm(four.owner.actor, vm=four.vm)
    found = list_vms(four.owner.actor, VmQuery(search="state:changing"))
    assert [vm.name for vm in found.rows] == ["web"]
    found = list_vms(four.owner.actor, VmQuery(search="-state:changing", sort="name"))
    assert [vm.name for vm in found.rows] == ["db", "two words", "web-2"]


def test_a_machine_on_a_silent_host_is_unknown_and_nothing_else(four: Site) -> None:
    four.host.state = HostState.UNREACHABLE
    four.host.save()
    assert list_vms(four.owner.actor, VmQuery(search="state:unknown")).total == 4
    assert list_vms(four.owner.actor, VmQuery(search="state:running")).total == 0


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.sampled_from("ab:<>=-\"' .,é%_0\x00state"), max_size=30))
def test_any_text_is_a_search_or_is_explained(four: Site, text: str) -> None:
    with suppress(Invalid):
        assert list_vms(four.administrator.actor, VmQuery(search=text)).total <= 4


def test_ones_own_are_found_by_a_word(site: Site) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=site.owner.user, group=group)
    site.make_vm("mine", owner=site.owner.user)
    site.make_vm("ours", owner_group=group)
    site.make_vm("his", owner=site.teammate.user)
    words = {"owner:me": ["mine", "ours"], "owner:olga": ["mine"], "owner:botany,tom": ["his", "ours"]}
    for word, names in words.items():
        rows = list_vms(site.owner.actor, VmQuery(search=word, sort="name")).rows
        assert [vm.name for vm in rows] == names


@pytest.fixture
def ending(site: Site) -> Site:
    """Machines with so many days left as their names say; "web" has no end, "over" ended yesterday."""
    for name, days in (("d03", 3), ("d13", 13), ("d14", 14), ("d40", 40), ("over", -1)):
        site.make_vm(name, lease_ends_at=end_on(day_in(days)))
    return site


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lease<14d", ["d03", "d13", "over"]),
        ("lease<=14", ["d03", "d13", "d14", "over"]),
        ("lease<14d -lease:over", ["d03", "d13"]),
        ("lease>13d", ["d14", "d40"]),
        ("lease>=13d", ["d13", "d14", "d40"]),
        ("lease:14d,3d", ["d03", "d14"]),
        ("lease:over", ["over"]),
        ("lease:none", ["web"]),
        ("lease:none,over", ["over", "web"]),
        ("-lease<14d", ["d14", "d40", "web"]),
        ("lease:", []),
    ],
)
def test_machines_are_found_by_what_is_left_of_their_lease(ending: Site, text: str, names: list[str]) -> None:
    found = list_vms(ending.teammate.actor, VmQuery(search=text, sort="name"))
    assert [vm.name for vm in found.rows] == names
    assert found.total == len(names)


@pytest.mark.parametrize("text", ["lease<soon", "lease:never", "lease>none", "lease<99999d", "lease<-3d"])
def test_what_is_no_time_of_a_lease_is_explained(ending: Site, text: str) -> None:
    with pytest.raises(Invalid, match="Write days, such as lease<14d, or lease:none, lease:over"):
        list_vms(ending.teammate.actor, VmQuery(search=text))


def test_a_search_by_lease_moves_on_with_the_time(ending: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(text: str) -> list[str]:
        return [vm.name for vm in list_vms(ending.teammate.actor, VmQuery(search=text, sort="name")).rows]

    assert (names("lease<14d"), names("lease:over")) == (["d03", "d13", "over"], ["over"])
    later = now() + timedelta(days=30)
    monkeypatch.setattr(search, "now", lambda: later)
    assert names("lease<14d") == ["d03", "d13", "d14", "d40", "over"]
    assert names("lease:over") == ["d03", "d13", "d14", "over"]
