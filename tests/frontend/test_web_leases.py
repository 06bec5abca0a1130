"""Leases on pages: how long a machine has, extending it, and a project's rules."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.test_web_quotas import browser, text_of
from tests.service.test_leases import PAST, days_of, leased
from vrabec.frontends.web import show
from vrabec.frontends.web.leases import lease_of
from vrabec.lib.clock import now
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.leases import day_in, end_on

__all__ = ["leased"]


def page(person: Person, path: str = "/machines/{}", *, vm: Vm) -> str:
    return text_of(browser(person), path.format(vm.pk))


@pytest.mark.parametrize(
    ("days", "words", "short", "near"),
    [
        (1, "Ends tomorrow", "tomorrow", True),
        (3, "Ends in 3 days, ", "in 3 days", True),
        (7, "Ends in 7 days", "in 7 days", True),
        (8, "Until ", show.day(day_in(8), with_year=False), False),
        (400, "Until ", show.day(day_in(400)), False),
    ],
)
def test_a_lease_says_how_long_there_is_and_warns_in_time(
    days: int, words: str, short: str, near: bool
) -> None:
    found = lease_of(end_on(day_in(days)))
    assert found
    assert found.text.startswith(words)
    assert (found.short, found.is_near, found.is_over) == (short, near, False)


def test_a_machine_without_one_says_nothing_of_it(site: Site) -> None:
    shown = page(site.owner, vm=site.vm)
    assert "<dt>Lease</dt>" not in shown
    assert "Extend" not in shown


def test_the_page_shows_it_and_who_may_extends_it(leased: Site) -> None:
    Vm.objects.update(lease_ends_at=end_on(day_in(3)))
    shown = page(leased.teammate, vm=leased.vm)
    assert "Ends in 3 days" in shown
    assert f'href="/machines/{leased.vm.pk}/extend"' in shown
    viewed = page(leased.viewer, vm=leased.vm)
    assert "Ends in 3 days" in viewed
    assert "/extend" not in viewed


def test_the_form_offers_what_is_usual_and_says_the_most(leased: Site) -> None:
    shown = page(leased.teammate, "/machines/{}/extend", vm=leased.vm)
    assert f'value="{day_in(30)}"' in shown
    assert f'max="{day_in(90)}"' in shown
    assert "You may give it at most until" in shown
    assert "no_end" not in shown
    assert "no_end" in page(leased.owner, "/machines/{}/extend", vm=leased.vm)


def test_sent_it_extends(leased: Site) -> None:
    client, path = browser(leased.teammate), f"/machines/{leased.vm.pk}/extend"
    answer = client.post(path, {"until": day_in(60).isoformat()}, secure=True)
    assert (answer.status_code, answer["Location"]) == (303, f"/machines/{leased.vm.pk}")
    assert days_of(leased.vm) == 60
    assert "web may run until" in text_of(client, answer["Location"])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"until": day_in(91).isoformat()}, "At most 90 days from today"),
        ({"until": "soon"}, "Write a day such as 2027-02-12."),
        ({"until": day_in(0).isoformat()}, "counted from today"),
        ({"no_end": "on"}, "Only an owner of the project may let it run without an end."),
    ],
)
def test_refused_it_says_why_and_keeps_what_was_typed(leased: Site, typed: dict[str, str], said: str) -> None:
    answer = browser(leased.teammate).post(f"/machines/{leased.vm.pk}/extend", typed, secure=True)
    shown = answer.content.decode()
    assert answer.status_code in (403, 422)
    assert said in shown
    assert f'value="{typed.get("until", "")}"' in shown
    assert days_of(leased.vm) == 10


def test_an_owner_takes_the_end_away(leased: Site) -> None:
    browser(leased.owner).post(f"/machines/{leased.vm.pk}/extend", {"no_end": "on"}, secure=True)
    assert days_of(leased.vm) is None
    assert "No end" in page(leased.owner, vm=leased.vm)
    assert "No end" not in page(leased.teammate, vm=leased.vm)


def test_once_it_ended_the_page_says_what_to_do_and_when_it_is_deleted(leased: Site) -> None:
    ended = now() - timedelta(days=4)
    Vm.objects.update(lease_ends_at=PAST, lease_ended_at=ended, seen=Seen.OFF)
    shown = page(leased.teammate, vm=leased.vm)
    assert "It does not start until it is extended." in shown
    gone = (ended + timedelta(days=14)).date()
    assert f"On {gone.day} {gone:%b %Y} it is deleted, with its disks." in shown
    assert f'action="/machines/{leased.vm.pk}/start"' not in shown
    Project.objects.update(lease_then="archive")
    assert "Its disks are kept." in page(leased.teammate, vm=leased.vm)


def test_a_new_machine_is_offered_its_lease(leased: Site) -> None:
    client = browser(leased.teammate)
    shown = text_of(client, "/machines/new?project=alpha")
    assert "Empty: 30 days, which you can extend. At most 90 at a time." in shown
    typed = {"name": "fresh", "project": "alpha", "template": "tiny", "size": "tiny", "network": "default"}
    refused = client.post("/machines/new", {**typed, "lease": "91"}, secure=True)
    assert refused.status_code == 422
    assert "At most 90 days from today" in refused.content.decode()
    assert client.post("/machines/new", {**typed, "lease": "7"}, secure=True).status_code == 303
    assert days_of(Vm.objects.get(name="fresh")) == 7
    assert (
        client.post("/machines/new", {**typed, "name": "other", "lease": ""}, secure=True).status_code == 303
    )
    assert days_of(Vm.objects.get(name="other")) == 30


def test_a_copy_is_offered_its_lease_too(leased: Site) -> None:
    client, path = browser(leased.teammate), f"/machines/{leased.vm.pk}/clone"
    assert "Empty: 30 days, which you can extend. At most 90 at a time." in text_of(client, path)
    typed = {"name": "copy", "project": "alpha", "lease": "91"}
    refused = client.post(path, typed, secure=True)
    assert refused.status_code == 422
    assert "At most 90 days from today" in refused.content.decode()
    assert 'value="91"' in refused.content.decode()
    assert client.post(path, typed | {"lease": "soon"}, secure=True).status_code == 422
    assert not Vm.objects.filter(name="copy").exists()
    assert client.post(path, typed | {"lease": "7"}, secure=True).status_code == 303
    assert days_of(Vm.objects.get(name="copy")) == 7


def test_where_there_are_no_leases_nothing_asks_for_one(site: Site) -> None:
    assert "lease" not in text_of(browser(site.owner), "/machines/new").lower().replace("released", "")
    assert 'name="lease"' not in text_of(browser(site.owner), f"/machines/{site.vm.pk}/clone")


def test_the_list_has_a_column_of_it(leased: Site) -> None:
    leased.make_vm("endless")
    Vm.objects.filter(name="web").update(lease_ends_at=end_on(day_in(3)))
    shown = text_of(browser(leased.teammate), "/?cols=lease")
    assert re.search(r'title="Ends in 3 days, [^"]*">in 3 days<', shown)
    assert "No end" in shown
    assert "Ends in 3 days" not in text_of(browser(leased.teammate), "/")
    assert "Ends in 3 days" in text_of(browser(leased.teammate), "/machines.csv?cols=lease")


def test_a_chip_finds_what_ends_soon_and_is_dropped_again(leased: Site) -> None:
    leased.make_vm("soon", lease_ends_at=end_on(day_in(3)))
    leased.make_vm("later", lease_ends_at=end_on(day_in(60)))
    client = browser(leased.teammate)
    assert 'href="?q=soon%20lease%3C14d">Less than 14 days' in text_of(client, "/?q=soon")
    found = text_of(client, "/?q=lease%3C14d&sort=name")
    assert (">soon</a>" in found, ">later</a>" in found) == (True, False)
    assert 'aria-label="Drop the filter Lease: Less than 14 days"' in found
    assert 'class="chip is-on" href="?sort=name"' in found
    assert 'type="hidden" name="q"' not in found


def test_where_there_are_no_leases_there_is_no_chip_of_them(site: Site) -> None:
    assert "lease%3C14d" not in text_of(browser(site.owner), "/")


def test_an_owner_writes_the_rules_of_a_project(site: Site) -> None:
    client: Client = browser(site.owner)
    typed = {"days": "30", "most_days": "90", "grace_days": "7", "then": "delete", "present": "on"}
    assert client.post("/projects/alpha/lease", typed, secure=True).status_code == 303
    found = Project.objects.get(name="alpha")
    assert (found.lease_days, found.lease_most_days, found.lease_grace_days) == (30, 90, 7)
    assert days_of(site.vm) == 30
    shown = text_of(client, "/projects/alpha")
    assert "A new machine may run for 30 days" in shown
    assert "7 days after its end it is deleted." in shown
    assert 'value="90"' in text_of(client, "/projects/alpha/lease")
    assert client.post("/projects/alpha/lease", {"days": ""}, secure=True).status_code == 303
    assert days_of(site.vm) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"days": "many"}, "Write a whole number of days."),
        ({"days": "30", "most_days": "20"}, "The most days are at least those of a new machine: 30."),
        ({"days": "30", "grace_days": "0"}, "Choose from 1 to 3650 days."),
    ],
)
def test_rules_that_cannot_be_are_said(site: Site, typed: dict[str, str], said: str) -> None:
    answer = browser(site.owner).post("/projects/alpha/lease", typed, secure=True)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert f'value="{typed["days"]}"' in answer.content.decode()
    assert Project.objects.get(name="alpha").lease_days is None
