"""The record's page: searched by a form, exported as it was searched."""

import orjson
from django.test import Client

from tests.cast import Person, Site
from vrabec.services.vms import start_vm


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def test_a_search_shows_what_it_finds_and_keeps_what_was_typed(site: Site) -> None:
    start_vm(site.owner.actor, vm=site.vm)
    shown = browser(site.owner).get("/activity", {"by": "olg", "action": "vm."}, secure=True).content.decode()
    assert "Start web" in shown
    assert 'value="olg"' in shown
    none = browser(site.owner).get("/activity", {"by": "nobody"}, secure=True).content.decode()
    assert "Nothing is found." in none


def test_a_day_that_is_none_is_said(site: Site) -> None:
    response = browser(site.owner).get("/activity", {"since": "yesterday"}, secure=True)
    assert response.status_code == 200
    assert "Write a day such as 2026-11-20." in response.content.decode()
    assert browser(site.owner).get("/activity.jsonl", {"since": "yesterday"}, secure=True).status_code == 422


def test_the_export_has_the_lines_that_were_found(site: Site) -> None:
    start_vm(site.owner.actor, vm=site.vm)
    response = browser(site.owner).get("/activity.jsonl", {"action": "vm.start"}, secure=True)
    [line] = [orjson.loads(text) for text in response.content.splitlines()]
    assert (line["actor"], line["subject"]) == ("olga", "web")
    assert response["Content-Type"] == "application/jsonl"
    assert "attachment" in response["Content-Disposition"]


def test_a_hostile_name_is_text(site: Site) -> None:
    shown = browser(site.owner).get("/activity", {"by": "<script>x"}, secure=True).content.decode()
    assert "<script>x" not in shown
