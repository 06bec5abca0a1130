"""Requests on pages, and vrabec request."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_web_quotas import browser, text_of
from tests.service.test_leases import days_of, leased
from vrabec.models.quotas import Quota
from vrabec.models.requests import Request
from vrabec.models.users import Group, Membership
from vrabec.services.leases import day_in, end_on
from vrabec.services.quotas import Limits, set_limits
from vrabec.services.requests import ask_longer

__all__ = ["command", "controller", "engine", "home", "leased", "signed_in", "vrabec"]


def test_a_member_asks_for_longer_and_an_owner_grants(leased: Site) -> None:
    member, owner = browser(leased.teammate), browser(leased.owner)
    path = f"/machines/{leased.vm.pk}/longer"
    assert path in text_of(member, f"/machines/{leased.vm.pk}/extend")
    assert path not in text_of(owner, f"/machines/{leased.vm.pk}/extend")
    assert "Why" in text_of(member, path)
    sent = {"until": day_in(200).isoformat(), "why": "my <b>thesis</b>"}
    assert member.post(path, sent, secure=True)["Location"] == "/requests"
    shown = text_of(member, "/requests")
    assert "my &lt;b&gt;thesis&lt;/b&gt;" in shown
    assert 'value="grant"' not in shown
    assert 'value="grant"' in text_of(owner, "/requests")
    at = f"/requests/{Request.objects.get().pk}/answer"
    assert owner.post(at, {"answer": "grant", "word": "good luck"}, secure=True).status_code == 303
    assert days_of(leased.vm) == 200
    assert "good luck" in text_of(member, "/requests")


def test_a_declined_one_says_so(leased: Site) -> None:
    member = browser(leased.teammate)
    member.post("/requests/new", {"vms": "9", "why": "a course"}, secure=True)
    at = f"/requests/{Request.objects.get().pk}/answer"
    browser(leased.administrator).post(at, {"answer": "decline", "word": "not now"}, secure=True)
    shown = text_of(member, "/requests")
    assert "declined" in shown
    assert "not now" in shown
    assert not Quota.objects.exists()


def test_more_is_asked_for_a_project_and_a_group_in_one_form(site: Site) -> None:
    group = Group.objects.create(name="botany", title="Botany")
    Membership.objects.create(group=group, user=site.owner.user)
    set_limits(site.administrator.actor, kind="project", name="alpha", limits=Limits(vms=3))
    olga = browser(site.owner)
    at = "/requests/new?whose=project:alpha"
    assert f'href="{at}"' in text_of(olga, "/projects/alpha")
    assert at not in text_of(browser(site.administrator), "/projects/alpha")
    form = text_of(olga, at)
    assert '<option value="project:alpha" selected>The project alpha</option>' in form
    assert '<option value="group:botany">The group Botany</option>' in form
    assert "Quota of alpha" in form
    for whose in ("project:alpha", "group:botany"):
        sent = {"whose": whose, "vms": "9", "why": "a course"}
        assert olga.post("/requests/new", sent, secure=True)["Location"] == "/requests"
    shown = text_of(browser(site.administrator), "/requests")
    assert "9 machines for the project alpha" in shown
    assert "9 machines for the group botany" in shown
    assert "whose" not in text_of(browser(site.viewer), "/requests/new")
    for whose, status in (("project:beta", 404), ("group:none", 404), ("project:alpha", 403)):
        sent = {"whose": whose, "vms": "9", "why": "a course"}
        answer = browser(site.viewer).post("/requests/new", sent, secure=True)
        assert answer.status_code == status, whose


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"vms": "many", "why": "x"}, "Write a whole number"),
        ({"why": "x"}, "Say how much you would like to have."),
        ({"vms": "3"}, "Say it in 1 to 1000 signs."),
    ],
)
def test_what_is_wrong_is_said_and_stays(site: Site, typed: dict[str, str], said: str) -> None:
    answer = browser(site.teammate).post("/requests/new", typed, secure=True)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Request.objects.exists()


def test_the_page_of_ones_machines_leads_there(site: Site) -> None:
    Quota.objects.create(kind="user", vms=2)
    assert 'href="/requests/new"' in text_of(browser(site.teammate), "/mine")


def test_many_cost_what_few_do(leased: Site) -> None:
    owner = browser(leased.owner)

    def ask(number: int) -> None:
        vm = leased.make_vm(f"lab-{number}", lease_ends_at=end_on(day_in(9)))
        ask_longer(leased.teammate.actor, vm=vm, until=day_in(200), why="x")

    def cost() -> int:
        with CaptureQueriesContext(connection) as caught:
            text_of(owner, "/requests")
        return len(caught)

    ask(0)
    text_of(owner, "/requests")
    one = cost()
    for number in range(1, 12):
        ask(number)
    assert cost() == one


@pytest.mark.django_db(transaction=True)
def test_the_command_asks_and_answers(leased: Site, vrabec: Vrabec) -> None:
    assert vrabec("request", "list").err == "There are no requests.\n"
    said = vrabec("request", "quota", "--vms", "6", "--memory", "16G", "--why", "a course")
    assert said.out == "Asked for 6 machines, 16 GiB of memory.\n"
    said = vrabec("request", "quota", "--project", "alpha", "--cpus", "8", "--why", "a course")
    assert said.out == "Asked for 8 CPUs for the project alpha.\n"
    asked = vrabec("request", "list", "-o", "json").data[0]
    assert (asked["project"], asked["group"]) == ("alpha", None)
    assert vrabec("request", "decline", str(asked["id"])).out.startswith("Declined: 8 CPUs for the project")
    assert "in no group named x" in vrabec("request", "quota", "--group", "x", "--vms", "1", "--why", "y").err
    day = day_in(300)
    vrabec("request", "lease", "web", "--until", day.isoformat(), "--why", "my thesis")
    rows = [row for row in vrabec("request", "list", "-o", "json").data if row["granted"] is None]
    lease, quota = sorted(rows, key=lambda row: str(row["kind"]))
    assert vrabec("request", "grant", str(lease["id"])).out.startswith("Granted: web until")
    assert days_of(leased.vm) == 300
    assert vrabec("request", "decline", str(quota["id"]), "--word", "no").out.startswith("Declined: 6 mach")
    again = vrabec("request", "grant", str(quota["id"]))
    assert "answered this already" in again.err
