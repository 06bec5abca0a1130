"""Ctrl K: what a few words may mean, for whom."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.leases import day_in, end_on


def options(person: Person, text: str) -> list[tuple[str, str, str]]:
    """(how, path, title) of each option."""
    client = Client()
    client.force_login(person.user)
    page = client.get("/find", {"q": text}, secure=True).content.decode()
    found = re.findall(r'data-how="(\w+)" data-path="([^"]*)">.*?find-title">(.*?)</span>', page, re.DOTALL)
    return [(how, path, title) for how, path, title in found]


def test_a_name_jumps_to_its_machine_first_and_offers_what_it_takes(site: Site) -> None:
    two = site.make_vm("a-web-2")
    one = f"/machines/{site.vm.pk}"
    assert options(site.owner, "web")[:3] == [
        ("go", one, "web"),
        ("do", f"{one}/start", "Start web"),
        ("go", f"/machines/{two.pk}", "a-web-2"),
    ]
    assert options(site.owner, "web")[-1][1:] == ("/?q=web", "All machines that match “web”")


@pytest.mark.parametrize(
    ("typed", "how", "title"),
    [
        ("stop run", "do", "Shut down run"),
        ("Shut Down run", "do", "Shut down run"),
        ("restart run", "do", "Restart run"),
        ("delete run", "ask", "Delete run"),
        ("power off run", "ask", "Power off run"),
        ("start run", "no", "Start run"),
    ],
)
def test_a_verb_and_a_name_do_it_ask_first_or_say_why_not(
    site: Site, typed: str, how: str, title: str
) -> None:
    vm = site.make_vm("run", seen=Seen.RUNNING)
    found_how, path, found_title = options(site.owner, typed)[0]
    assert (found_how, found_title) == (how, title)
    assert path.startswith(f"/machines/{vm.pk}/") or how == "no"


def test_a_lease_is_extended_by_its_form(site: Site) -> None:
    assert options(site.owner, "extend web")[0] == ("no", "", "Extend web")
    Vm.objects.update(lease_ends_at=end_on(day_in(3)))
    path = f"/machines/{site.vm.pk}/extend"
    assert options(site.owner, "extend web")[0] == ("ask", path, "Extend web")


def test_machines_that_take_the_verb_stand_first(site: Site) -> None:
    site.make_vm("web-1", seen=Seen.RUNNING)
    site.make_vm("web-2", seen=Seen.PAUSED)
    assert [how for how, _, _ in options(site.owner, "stop web-")][:2] == ["do", "no"]


def test_hosts_are_for_administrators_and_projects_for_those_in_them(site: Site) -> None:
    assert ("go", "/?host=kvm1", "kvm1") in options(site.administrator, "kvm")
    assert "/?host=kvm1" not in str(options(site.owner, "kvm"))
    assert ("go", "/?project=alpha", "alpha") in options(site.owner, "alp")
    assert "/?project=alpha" not in str(options(site.stranger, "alp"))


def test_who_may_only_look_is_offered_no_verb(site: Site) -> None:
    assert {how for how, _, _ in options(site.viewer, "web")} == {"go"}
    assert options(site.viewer, "start web")[0][0] == "no"
    assert "web" not in [title for _, _, title in options(site.stranger, "web")]


def test_pages_are_found_and_shown_before_anything_is_typed(site: Site) -> None:
    assert ("go", "/templates", "Templates") in options(site.owner, "templ")
    assert ("go", "/hosts", "Hosts") not in options(site.owner, "")
    assert ("go", "/hosts", "Hosts") in options(site.administrator, "")


@pytest.mark.parametrize(
    "text", ["state:", "memory>", "\0", "stop ", "delete", '"', "x" * 500, "<img src=x>"]
)
def test_half_typed_and_hostile_words_are_answered(site: Site, text: str) -> None:
    assert options(site.owner, text)
    assert "<img" not in str(options(site.owner, text))
    assert not Job.objects.exists()


def test_it_costs_the_same_with_many_machines(site: Site) -> None:
    few = queries(site)
    for number in range(30):
        site.make_vm(f"web-{number}")
    assert queries(site) == few


def queries(site: Site) -> int:
    with CaptureQueriesContext(connection) as context:
        options(site.owner, "start web")
    return len(context)
