"""Failed tries to sign in: they stop who guesses, never the person who is elsewhere, and are on record."""

import pytest

from tests.cast import PASSWORD, Site, site
from vrabec.lib.addresses import network_of
from vrabec.lib.errors import Invalid, TooMany, Unauthenticated, VrabecError
from vrabec.models.audit import Audit
from vrabec.services import failures, people
from vrabec.services.failures import MAX_FAILURES, MAX_LINES, MAX_OF_ADDRESS, Tally

__all__ = ["site"]


@pytest.fixture(autouse=True)
def _no_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_FAILURES", people.Failures())


ELSEWHERE = "198.51.100.9"


def fail(name: str, address: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(VrabecError):
            people.sign_in(name, "wrong", address)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_an_address_counts_with_its_neighbours_of_ipv6(address: str, network: str) -> None:
    assert network_of(address) == network


def test_whoever_fails_elsewhere_never_keeps_the_person_out(site: Site) -> None:
    for number in range(300):
        fail("olga", f"198.51.100.{number % 250}")
    assert people.sign_in("olga", PASSWORD, "192.0.2.7") == site.owner.user


def test_a_name_in_capitals_is_the_same_name(site: Site) -> None:
    for number in range(MAX_FAILURES):
        fail("OLGA " if number % 2 else "olga", ELSEWHERE)
    with pytest.raises(TooMany):
        people.sign_in("Olga", PASSWORD, ELSEWHERE)


def test_all_of_one_ipv6_network_is_one_address(site: Site) -> None:
    for number in range(MAX_FAILURES):
        fail("olga", f"2001:db8::{number + 1:x}")
    with pytest.raises(TooMany):
        people.sign_in("olga", PASSWORD, "2001:db8::ffff")
    assert people.sign_in("olga", PASSWORD, "2001:db8:0:1::1") == site.owner.user


def test_one_address_cannot_try_many_names(site: Site) -> None:
    for number in range(MAX_OF_ADDRESS):
        fail(f"name-{number}", "198.51.100.9")
    with pytest.raises(TooMany, match="Wait"):
        people.sign_in("tom", PASSWORD, "198.51.100.9")
    assert people.sign_in("tom", PASSWORD, "198.51.100.10") == site.teammate.user


def test_many_names_do_not_make_one_s_failures_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MAX_KEYS", 3)
    tally = Tally(2)
    for key in ("olga", "a", "olga", "b", "c"):
        tally.add(key)
    assert tally.wait_s("olga") > 0
    assert tally.wait_s("a") == 0
    assert len(tally._times) == 3


def test_failures_are_forgotten_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(failures.time, "monotonic", lambda: clock[0])
    tally = Tally(1)
    tally.add("olga")
    assert tally.wait_s("olga") == 301
    clock[0] = 301.0
    assert tally.wait_s("olga") == 0


def test_the_record_has_the_first_and_the_one_that_makes_wait(site: Site) -> None:
    fail("olga", "198.51.100.9", 30)
    lines = Audit.objects.filter(action="session.refuse").order_by("pk")
    assert [line.detail for line in lines] == [
        {"by": "password", "tries": 1},
        {"by": "password", "tries": MAX_FAILURES},
    ]
    assert [(line.subject, line.address, line.user_id) for line in lines] == [
        ("olga", "198.51.100.9", None)
    ] * 2


def test_many_addresses_do_not_flood_the_record(site: Site) -> None:
    for number in range(3 * MAX_LINES):
        fail("olga", f"198.51.100.{number}")
    assert Audit.objects.filter(action="session.refuse").count() == MAX_LINES


def test_what_may_be_a_password_is_not_on_record(site: Site) -> None:
    fail("hunter2-hunter2", "198.51.100.9", MAX_FAILURES)
    assert not Audit.objects.filter(action="session.refuse").exists()


def test_a_name_with_a_nul_is_no_fault(site: Site) -> None:
    with pytest.raises(Unauthenticated):
        people.sign_in("ol\0ga", "wrong")


def test_the_present_password_is_not_guessed_without_end(site: Site) -> None:
    for _ in range(MAX_FAILURES):
        with pytest.raises(Invalid, match="not your present password"):
            people.set_password(site.owner.actor, password="a quite new phrase", current="wrong")
    with pytest.raises(TooMany):
        people.set_password(site.owner.actor, password="a quite new phrase", current=PASSWORD)
    assert Audit.objects.filter(action="session.refuse").first().detail["by"] == "present password"
