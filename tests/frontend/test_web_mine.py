"""My machines: whose they are, what can be done, and who begins there."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import PASSWORD, Person, Site, make_person
from tests.frontend.test_web_quotas import browser, text_of
from tests.service.test_leases import PAST, leased
from vrabec.lib.clock import now
from vrabec.models.jobs import Job
from vrabec.models.quotas import Quota
from vrabec.models.roles import CLONER
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.leases import day_in, end_on

__all__ = ["leased"]


@pytest.fixture
def student(leased: Site) -> Person:
    """Has one machine, which runs, and may make more."""
    found = make_person("cleo", CLONER, leased.project)
    leased.make_vm("lab", owner=found.user, seen=Seen.RUNNING, wished=Wished.ON, address="10.0.0.7")
    return found


def lab(**columns: object) -> Vm:
    Vm.objects.filter(name="lab").update(**columns)
    return Vm.objects.get(name="lab")


def test_ones_own_machines_stand_there_with_what_can_be_done(leased: Site, student: Person) -> None:
    vm = lab(lease_ends_at=end_on(day_in(84)))
    shown = text_of(browser(student), "/mine")
    assert shown.count("machine-card-head") == 1
    assert "1 machine" in shown
    assert "10.0.0.7" in shown
    assert "1 CPU, 192 MiB, 1 GiB disk" in shown
    assert ", 84 days" in shown
    assert f'action="/machines/{vm.pk}/shutdown"' in shown
    assert f'href="/machines/{vm.pk}/console"' in shown
    assert f'action="/machines/{vm.pk}/start"' not in shown
    assert 'href="/machines/new"' in shown


def test_near_its_end_extend_is_the_first_thing(leased: Site, student: Person) -> None:
    vm = lab(lease_ends_at=end_on(day_in(3)))
    shown = text_of(browser(student), "/mine")
    assert "Ends in 3 days" in shown
    assert shown.count(f'href="/machines/{vm.pk}/extend?back=mine"') == 2
    client = browser(student)
    assert 'name="back" value="mine"' in text_of(client, f"/machines/{vm.pk}/extend?back=mine")
    sent = {"until": day_in(50).isoformat(), "back": "mine"}
    answer = client.post(f"/machines/{vm.pk}/extend", sent, secure=True)
    assert (answer.status_code, answer["Location"]) == (303, "/mine")
    assert "Extend</span>" not in text_of(client, "/mine")


def test_once_it_ended_there_is_no_start_but_a_way_back(leased: Site, student: Person) -> None:
    vm = lab(lease_ends_at=PAST, lease_ended_at=now() - timedelta(days=1), seen=Seen.OFF)
    shown = text_of(browser(student), "/mine")
    assert "Ended on" in shown
    assert "deleted on" in shown
    assert f'action="/machines/{vm.pk}/start"' not in shown


def test_a_groups_machines_are_ones_own_and_others_are_shared(leased: Site, student: Person) -> None:
    group = Group.objects.create(name="team", title="The team")
    Membership.objects.create(group=group, user=leased.teammate.user)
    leased.make_vm("ours", owner_group=group)
    shown = text_of(browser(leased.teammate), "/mine")
    own, shared = shown.split("Shared with me")
    assert ">ours</a>" in own
    assert "The team" in own
    assert ">web</a>" in shared
    assert ">lab</a>" in shared
    assert "Shared with me" not in text_of(browser(student), "/mine")


def test_who_looks_after_the_site_is_not_shared_all_of_it(leased: Site) -> None:
    for person in (leased.administrator, leased.operator):
        assert "Shared with me" not in text_of(browser(person), "/mine")


def test_the_quota_says_what_is_left(leased: Site, student: Person) -> None:
    Quota.objects.create(kind="user", vms=6, memory_mib=1024)
    shown = text_of(browser(student), "/mine")
    assert "<b>5</b> left of 6" in shown
    assert "<b>0.8</b> left of 1 GiB" in shown


def test_who_has_none_is_told_how_to_begin(leased: Site, student: Person) -> None:
    Vm.objects.filter(name="lab").delete()
    assert "You have no machine yet" in text_of(browser(student), "/mine")
    assert "/machines/new" in text_of(browser(student), "/mine")
    viewed = text_of(browser(leased.viewer), "/mine")
    assert "/machines/new" not in viewed
    assert "Somebody who owns a project" in viewed


def test_a_card_is_drawn_anew_when_its_state_changes(leased: Site, student: Person) -> None:
    vm = lab(seen=Seen.OFF)
    client = browser(student)
    foot = text_of(client, f"/mine/{vm.pk}")
    assert f'action="/machines/{vm.pk}/start"' in foot
    assert "<html" not in foot
    assert text_of(client, f"/mine/{leased.vm.pk}") == ""


def test_a_machine_that_is_being_made_says_how_far_it_is_and_can_be_cancelled(
    leased: Site, student: Person
) -> None:
    vm = lab(seen=Seen.PENDING, created_by=student.user)
    steps = [{"name": "a", "title": "Copy the template"}, {"name": "b", "title": "Start it"}]
    how = {"state": "running", "percent": 40, "plan": ["a", "b"], "steps": steps, "begun": 1}
    job = Job.objects.create(kind="vm.create", vm=vm, project=leased.project, created_by=student.user, **how)
    shown = text_of(browser(student), "/mine")
    assert "Step 1 of 2: Copy the template" in shown
    assert f'data-job="{job.pk}"' in shown
    assert f'action="/jobs/{job.pk}/cancel"' in shown
    assert "10.0.0.7" not in shown
    Vm.objects.filter(pk=vm.pk).update(seen=Seen.RUNNING)
    assert "Step 1 of 2" not in text_of(browser(student), f"/mine/{vm.pk}")
    assert "10.0.0.7" in text_of(browser(student), f"/mine/{vm.pk}")


def test_many_cards_cost_what_few_do(leased: Site, student: Person) -> None:
    client = browser(student)

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            text_of(client, "/mine")
        return len(caught)

    text_of(client, "/mine")
    one = cost()
    for number in range(20):
        leased.make_vm(f"lab-{number}", owner=student.user, lease_ends_at=end_on(day_in(number + 1)))
    assert cost() == one


@pytest.mark.parametrize(
    ("name", "home"),
    [("cleo", "/mine"), ("tom", "/mine"), ("olga", "/"), ("vera", "/"), ("oto", "/"), ("ada", "/")],
)
def test_who_has_machines_of_their_own_alone_begins_there(
    leased: Site, student: Person, name: str, home: str
) -> None:
    client = Client()
    answer = client.post("/sign-in", {"username": name, "password": PASSWORD}, secure=True)
    assert (answer.status_code, answer["Location"]) == (303, home)
    shown = text_of(client, "/account")
    assert f'class="brand no-phone" href="{home}"' in shown
    assert ('href="/mine"' in shown) == (name != "vera")
    wanted = client.post("/sign-in", {"username": name, "password": PASSWORD, "next": "/jobs"}, secure=True)
    assert wanted["Location"] == "/jobs"
