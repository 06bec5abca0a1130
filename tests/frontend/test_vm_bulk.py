"""Many machines at once, by the pages, by REST and by the command."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.service.test_leases import days_of, leased
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.leases import day_in, end_on

__all__ = ["command", "controller", "engine", "home", "leased", "signed_in", "vrabec"]
HTMX = {"hx-request": "true"}


def browser(person: Person, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(person.user)
    return client


def rest(person: Person, **body: Any) -> Any:
    client = Client(headers={"authorization": f"Bearer {person.secret}"})
    answer = client.post("/api/v1/vms/actions", body, content_type="application/json", secure=True)
    return answer.status_code, answer.json()


@pytest.fixture
def three(site: Site) -> list[Vm]:
    """web, which is off, one that runs and one that is paused."""
    running, paused = site.make_vm("run", seen=Seen.RUNNING), site.make_vm("wait", seen=Seen.PAUSED)
    return [site.vm, running, paused]


def ids(vms: list[Vm]) -> str:
    return ",".join(str(vm.pk) for vm in vms)


# ---- pages


def test_boxes_are_for_those_who_may_change_something(site: Site) -> None:
    assert "data-pick" in browser(site.owner).get("/", secure=True).content.decode()
    assert "data-pick" not in browser(site.viewer).get("/", secure=True).content.decode()


def test_the_bar_says_how_many_take_each_verb_and_what_they_add_up_to(site: Site, three: list[Vm]) -> None:
    page = browser(site.owner, **HTMX).get(f"/machines/bulk?vms={ids(three)}", secure=True).content.decode()
    assert "3 selected" in page
    assert "3 CPUs, 576 MiB, 3 GiB disk" in page
    assert 'title="Start 1 of 3: 1 runs already, 1 is paused."' in page
    assert 'title="Delete 3 of 3."' in page
    assert "Hard reset" in page
    assert f'name="vms" value="{ids(three)}"' in page


def test_the_bar_of_who_may_only_look_offers_nothing(site: Site, three: list[Vm]) -> None:
    page = browser(site.viewer, **HTMX).get(f"/machines/bulk?vms={ids(three)}", secure=True).content.decode()
    assert "Nothing can be done to them now." in page
    assert "hx-post" not in page


def test_all_that_match_are_meant_by_the_address_of_the_list(site: Site, three: list[Vm]) -> None:
    client = browser(site.owner, **HTMX)
    page = client.get("/machines/bulk?all=1&state=running", secure=True).content.decode()
    assert "1 selected" in page
    sent = {"all": "1", "state": "running"}
    assert client.post("/machines/bulk/pause", sent, secure=True).status_code == 200
    assert Job.objects.get().vm == three[1]


def test_a_verb_answers_with_one_sentence_and_each_refusal(site: Site, three: list[Vm]) -> None:
    answer = browser(site.owner, **HTMX).post("/machines/bulk/start", {"vms": ids(three)}, secure=True)
    page = answer.content.decode()
    assert (answer["HX-Retarget"], answer["HX-Trigger-After-Swap"]) == ("#flash", "vrabec:done")
    assert "Start 1 of 3: 1 runs already, 1 is paused." in page
    assert "<b>run</b> run runs already." in page
    assert [job.kind for job in Job.objects.all()] == ["vm.start"]


@pytest.mark.parametrize("verb", ["reset", "power_off", "delete"])
def test_what_loses_something_is_asked_once_naming_how_many(site: Site, three: list[Vm], verb: str) -> None:
    part = browser(site.owner, **HTMX).get(f"/machines/bulk/{verb}?vms={ids(three)}", secure=True)
    page = part.content.decode()
    count = {"reset": 1, "power_off": 2, "delete": 3}[verb]
    assert re.search(rf"<h1[^>]*>[A-Z][a-z ]+ {count} machines?\?</h1>", page)
    assert "Lost for ever" in page
    assert not Job.objects.exists()


def test_deleting_many_asks_for_their_number(site: Site, three: list[Vm]) -> None:
    client = browser(site.owner, **HTMX)
    page = client.get(f"/machines/bulk/delete?vms={ids(three)}", secure=True).content.decode()
    assert "Type 3 to delete them" in page
    assert "Their disks, 3 GiB in all" in page
    assert "1 runs now and is switched off at once." in page
    refused = client.post("/machines/bulk/delete", {"vms": ids(three), "how_many": "2"}, secure=True)
    assert (refused.status_code, Job.objects.count()) == (422, 0)
    assert "This is not their number: 3." in refused.content.decode()
    client.post("/machines/bulk/delete", {"vms": ids(three), "how_many": "3"}, secure=True)
    assert Job.objects.filter(kind="vm.delete").count() == 3


def test_a_question_about_all_that_match_names_those_it_found(site: Site, three: list[Vm]) -> None:
    page = browser(site.owner, **HTMX).get("/machines/bulk/delete?all=1&q=wait", secure=True).content.decode()
    assert f'name="vms" value="{three[2].pk}"' in page
    assert 'name="all"' not in page


def test_many_are_tagged_from_a_form_that_keeps_what_was_typed(site: Site, three: list[Vm]) -> None:
    client = browser(site.owner, **HTMX)
    assert "Add tags" in client.get(f"/machines/bulk/tag?vms={ids(three)}", secure=True).content.decode()
    refused = client.post("/machines/bulk/tag", {"vms": ids(three), "tag": "WRONG"}, secure=True)
    assert refused.status_code == 422
    assert 'value="WRONG"' in refused.content.decode()
    client.post("/machines/bulk/tag", {"vms": ids(three), "tag": "prod, web"}, secure=True)
    assert {tuple(vm.tags) for vm in Vm.objects.all()} == {("prod", "web")}


def test_many_are_extended_from_a_form_that_begins_with_the_usual_lease(leased: Site) -> None:
    other = leased.make_vm("other", lease_ends_at=end_on(day_in(2)))
    meant, client = f"{leased.vm.pk},{other.pk}", browser(leased.teammate, **HTMX)
    bar = client.get(f"/machines/bulk?vms={meant}", secure=True).content.decode()
    assert 'title="Extend 2 of 2."' in bar
    page = client.get(f"/machines/bulk/extend?vms={meant}", secure=True).content.decode()
    assert "Extend 2 machines?" in page
    assert f'value="{day_in(30)}"' in page
    assert "no_end" not in page
    assert "Lost for ever" not in page
    refused = client.post("/machines/bulk/extend", {"vms": meant, "until": "soon"}, secure=True)
    assert refused.status_code == 422
    assert 'value="soon"' in refused.content.decode()
    assert "Write a day such as 2027-02-12." in refused.content.decode()
    done = client.post("/machines/bulk/extend", {"vms": meant, "until": day_in(60).isoformat()}, secure=True)
    assert "Extend 2 of 2." in done.content.decode()
    assert done["HX-Trigger-After-Swap"] == "vrabec:done, vrabec:said"
    assert (days_of(leased.vm), days_of(other)) == (60, 60)


def test_an_owner_of_the_project_takes_the_end_of_many_away(leased: Site) -> None:
    client = browser(leased.owner, **HTMX)
    sent = {"vms": str(leased.vm.pk), "until": "", "no_end": "on"}
    assert "no_end" in client.get(f"/machines/bulk/extend?vms={leased.vm.pk}", secure=True).content.decode()
    assert client.post("/machines/bulk/extend", sent, secure=True).status_code == 200
    assert days_of(leased.vm) is None


def test_who_may_not_extend_is_offered_it_neither_in_the_bar_nor_at_all(leased: Site) -> None:
    client = browser(leased.viewer, **HTMX)
    assert "extend" not in client.get(f"/machines/bulk?vms={leased.vm.pk}", secure=True).content.decode()
    sent = {"vms": str(leased.vm.pk), "until": day_in(60).isoformat()}
    done = client.post("/machines/bulk/extend", sent, secure=True)
    assert "Extend 0 of 1: 1 is not yours to change." in done.content.decode()
    assert days_of(leased.vm) == 10


def test_without_scripts_a_verb_comes_back_to_the_list(site: Site, three: list[Vm]) -> None:
    client = browser(site.owner)
    answer = client.post("/machines/bulk/start", {"vms": ids(three)}, secure=True)
    assert (answer.status_code, answer["Location"]) == (303, "/")
    assert "Start 1 of 3" in client.get("/", secure=True).content.decode()


def test_hostile_names_stay_text_in_results_and_questions(site: Site) -> None:
    evil = site.make_vm("<img src=x onerror=alert(1)>", seen=Seen.RUNNING)
    client = browser(site.administrator, **HTMX)
    for answer in (
        client.post("/machines/bulk/start", {"vms": str(evil.pk)}, secure=True),
        client.get(f"/machines/bulk/delete?vms={evil.pk}", secure=True),
    ):
        assert "<img" not in answer.content.decode()
        assert "&lt;img" in answer.content.decode()


def test_an_unknown_verb_and_no_machine_are_refused(site: Site) -> None:
    client = browser(site.owner, **HTMX)
    assert client.post("/machines/bulk/explode", {"vms": "1"}, secure=True).status_code == 404
    assert client.post("/machines/bulk/start", {"vms": "x,y"}, secure=True).status_code == 422
    assert client.get("/machines/bulk", secure=True).status_code == 422


# ---- REST


def test_rest_gives_each_machine_its_job_or_its_sentence(site: Site, three: list[Vm]) -> None:
    status, found = rest(site.owner, action="start", vms=[vm.pk for vm in three] + [10**6])
    assert (status, found["done"], found["total"]) == (202, 1, 4)
    assert found["message"] == "Start 1 of 4: 1 runs already, 1 is paused, 1 is not there."
    by_vm = {one["vm"]: one for one in found["results"]}
    assert by_vm[site.vm.pk]["job"]["kind"] == "vm.start"
    assert by_vm[three[1].pk]["error"]["message"] == "run runs already."
    assert by_vm[10**6]["error"]["code"] == "not_found"


def test_rest_takes_a_search_but_not_to_delete(site: Site, three: list[Vm]) -> None:
    assert rest(site.owner, action="resume", search="state:paused")[1]["done"] == 1
    status, found = rest(site.owner, action="delete", search="web")
    assert (status, found["error"]["field"]) == (422, "search")
    for wrong in ({"action": "start"}, {"action": "start", "search": "  "}, {"action": "x", "vms": [1]}):
        assert rest(site.owner, **wrong)[0] == 422
    assert rest(site.owner, action="start", vms=list(range(1, 502)))[0] == 422


def test_a_stranger_learns_nothing_of_others_machines(site: Site, three: list[Vm]) -> None:
    _, found = rest(site.stranger, action="start", vms=[vm.pk for vm in three])
    assert {one["error"]["code"] for one in found["results"]} == {"not_found"}
    assert {one["name"] for one in found["results"]} == {""}
    assert not Job.objects.exists()


def test_rest_extends_many_and_says_of_each(leased: Site) -> None:
    later = leased.make_vm("later", lease_ends_at=end_on(day_in(80)))
    both = [leased.vm.pk, later.pk]
    status, found = rest(leased.teammate, action="extend", vms=both, until=day_in(60).isoformat())
    assert (status, found["message"]) == (202, "Extend 1 of 2: the lease of 1 ends later already.")
    by_vm = {one["vm"]: one for one in found["results"]}
    assert (by_vm[leased.vm.pk]["job"], by_vm[leased.vm.pk]["error"]) == (None, None)
    assert by_vm[later.pk]["error"]["code"] == "invalid"
    assert days_of(leased.vm) == 60
    status, found = rest(leased.teammate, action="extend", vms=both)
    assert (status, found["error"]["field"]) == (422, "days")
    assert rest(leased.owner, action="extend", search="web", no_end=True)[1]["done"] == 1
    assert days_of(leased.vm) is None


# ---- the command


@pytest.mark.django_db(transaction=True)
def test_several_names_give_a_line_each_and_the_worst_status(
    site: Site, vrabec: Vrabec, three: list[Vm]
) -> None:
    done = vrabec("vm", "start", "web", "run", "nobody")
    assert done.status == 6  # 3 is "not there", 6 the wrong state
    assert done.out == f"web: Start web, queued: job {Job.objects.get().pk}\n"
    assert done.err.splitlines() == ["run: run runs already.", "nobody: There is no machine named nobody."]


@pytest.mark.django_db(transaction=True)
def test_several_are_waited_for(site: Site, vrabec: Vrabec, engine: None) -> None:
    site.make_vm("two")
    site.make_vm("broken")
    done = vrabec("vm", "start", "web", "two", "--wait")
    assert (done.status, len(done.out.splitlines())) == (0, 2)
    assert all(", done: job" in line for line in done.out.splitlines())
    failed = vrabec("vm", "power-off", "web", "two", "--wait", "-o", "json")
    assert failed.status == 0
    assert {one["job"]["state"] for one in failed.data["results"]} == {"done"}
    assert vrabec("vm", "start", "two", "broken", "--wait").status == 9


@pytest.mark.django_db(transaction=True)
def test_several_take_the_deadline_of_a_shutdown(site: Site, vrabec: Vrabec, three: list[Vm]) -> None:
    site.make_vm("other", seen=Seen.RUNNING)
    assert vrabec("vm", "shutdown", "run", "other", "--deadline", "7", "--then-power-off").status == 0
    given = {"deadline_seconds": 7, "then_power_off": True}
    assert [job.args for job in Job.objects.all()] == [given, given]


@pytest.mark.django_db(transaction=True)
def test_deleting_several_needs_their_number_or_yes(site: Site, vrabec: Vrabec, three: list[Vm]) -> None:
    assert vrabec("vm", "delete", "web", "run").status == 2
    assert not Job.objects.exists()
    assert vrabec("vm", "delete", "web", "run", "--yes").status == 0
    assert Audit.objects.filter(action="vm.delete").count() == 2


@pytest.mark.django_db(transaction=True)
def test_several_are_tagged_but_not_described(site: Site, vrabec: Vrabec, three: list[Vm]) -> None:
    assert vrabec("vm", "set", "web", "run", "--tag", "prod").out == "run: done\nweb: done\n"
    assert Vm.objects.get(name="run").tags == ["prod"]
    assert vrabec("vm", "set", "web", "run", "--description", "words").status == 2
