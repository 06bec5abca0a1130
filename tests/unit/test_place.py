"""Placement: hard rules first, then the most memory left."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vrabec.scheduler.place import HOST_RESERVE_MIB, Ask, HostRoom, judge, place

ROOM = HostRoom(1, "kvm1", True, 8, 16_384, 0, ("default",), 100_000)
ASK = Ask(cpus=2, memory_mib=2048, network="default", image_mib=100)


def test_a_host_that_has_everything_fits() -> None:
    assert judge(ASK, ROOM).fits


def test_each_rule_says_what_is_missing() -> None:
    said = {
        judge(ASK, replace(ROOM, is_online=False)).reason,
        judge(ASK, replace(ROOM, cpus=1)).reason,
        judge(ASK, replace(ROOM, networks=())).reason,
        judge(ASK, replace(ROOM, promised_mib=15_000)).reason,
        judge(ASK, replace(ROOM, pool_free_mib=50)).reason,
    }
    assert len(said) == 5
    assert "Fits." not in said


def test_a_machine_on_none_of_libvirts_networks_asks_for_none() -> None:
    assert judge(replace(ASK, network=""), ROOM).fits


def test_the_host_with_the_most_memory_left_comes_first() -> None:
    fuller = replace(ROOM, id=2, name="a", promised_mib=8000)
    away = replace(ROOM, id=3, name="b", is_online=False)
    assert [verdict.host.id for verdict in place(ASK, (away, fuller, ROOM))] == [1, 2, 3]


def test_without_hosts_there_are_no_verdicts() -> None:
    assert place(ASK, ()) == ()


@given(st.integers(0, 40_000), st.integers(0, 40_000), st.integers(1, 40_000))
def test_what_fits_leaves_the_reserve_untouched(memory: int, promised: int, asked: int) -> None:
    room = replace(ROOM, memory_mib=memory, promised_mib=promised)
    fits = judge(replace(ASK, memory_mib=asked), room).fits
    assert fits == (promised + asked + HOST_RESERVE_MIB <= memory)
