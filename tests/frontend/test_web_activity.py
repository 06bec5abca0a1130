"""The record's page: searched by a form, exported as it was searched."""

from typing import Any

import orjson
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site
from vrabec.frontends.web.differences import differences
from vrabec.models.jobs import Job, JobState
from vrabec.services.record import record_end
from vrabec.services.vm_edit import VmWords, describe_vm
from vrabec.services.vm_pin import pin_vm
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


def test_hosts_are_named_to_who_may_see_hosts(site: Site) -> None:
    pin_vm(site.administrator.actor, vm_id=site.vm.pk, hosts=["kvm1"])
    asked = {"action": "vm.pin"}
    for person, told in ((site.owner, {}), (site.operator, {"before": [], "after": ["kvm1"]})):
        [line] = browser(person).get("/activity.jsonl", asked, secure=True).content.splitlines()
        assert orjson.loads(line)["detail"] == told
        headers = {"Authorization": f"Bearer {person.secret}"}
        rest = Client().get("/api/v1/activity", asked, headers=headers, secure=True).json()
        assert [row["detail"] for row in rest["items"]] == [told]


def test_a_hostile_name_is_text(site: Site) -> None:
    shown = browser(site.owner).get("/activity", {"by": "<script>x"}, secure=True).content.decode()
    assert "<script>x" not in shown


def ended(site: Site, state: JobState, **error: Any) -> None:
    """A start of the machine that Olga asked for, and how it ended."""
    job = start_vm(site.owner.actor, vm=site.vm)
    Job.objects.filter(pk=job.pk).update(state=state, **error)
    record_end(Job.objects.get(pk=job.pk))


def test_an_end_stands_beside_its_act_and_tells_why(site: Site) -> None:
    ended(site, JobState.DONE)
    ended(site, JobState.FAILED, error_template="The host refused %(what)s.", error_params={"what": "<b>"})
    for path in ("/activity", f"/machines/{site.vm.pk}", f"/machines/{site.vm.pk}/activity"):
        page = browser(site.owner).get(path, secure=True).content.decode()
        shown = page.partition('<ul class="lines">')[2].partition("</ul>")[0]
        assert shown.count("Start web") == 3, path  # twice asked for, and why it failed
        assert shown.count('<span class="mark mark-bad">Failed</span>') == 1, path
        assert "Start web: failed. The host refused &lt;b&gt;." in shown
    asked = browser(site.owner).get("/activity", {"action": "job."}, secure=True).content.decode()
    assert "Start web: done" in asked


def test_ends_cost_one_query_however_many_there_are(site: Site) -> None:
    client = browser(site.owner)
    client.get("/activity", secure=True)
    counts = []
    for _ in range(2):
        for _ in range(5):
            ended(site, JobState.FAILED, error_template="No.")
        with CaptureQueriesContext(connection) as asked:
            client.get("/activity", secure=True)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_export_has_every_end(site: Site) -> None:
    ended(site, JobState.DONE)
    ended(site, JobState.STUCK, error_template="The host is away.")
    response = browser(site.owner).get("/activity.jsonl", {"action": "job."}, secure=True)
    lines = [orjson.loads(text) for text in response.content.splitlines()]
    assert [(line["action"], line["actor"], line["detail"]) for line in lines] == [
        ("job.done", "olga", {"what": "vm.start"}),
        ("job.stuck", "olga", {"what": "vm.start", "error": "The host is away."}),
    ]
    assert browser(site.stranger).get("/activity.jsonl", {"action": "job."}, secure=True).content == b""


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ({"before": {"cpus": 1, "memory_mib": 512}, "after": {"cpus": 2, "memory_mib": 1024}},
         "CPUs 1 → 2; memory 512 MiB → 1 GiB"),
        ({"before": {"tags": []}, "after": {"tags": ["prod", "web"]}}, "tags – → prod, web"),
        ({"before": ["vm.view"], "after": ["vm.start", "vm.view"]}, "vm.view → vm.start, vm.view"),
        ({"before": None, "after": {"days": 120, "most_days": None}}, "days – → 120"),
        ({"before": {"days": 120}, "after": None}, "days 120 → –"),
        ({"before": {"is_active": True, "email": "a"}, "after": {"is_active": False, "email": "a"}},
         "may sign in yes → no"),
        ({"before": {"description": "a\n" * 90}, "after": {"description": ""}},
         f"description {'a ' * 29}a… → –"),
        ({"before": "kvm1", "to": "kvm2"}, ""),
        ({"before": "2026-01-01", "after": "2026-02-01"}, ""),
        ({"what": "vm.start"}, ""),
    ],
)  # fmt: skip
def test_a_change_is_told(detail: dict[str, Any], said: str) -> None:
    assert differences(detail) == said


def test_a_line_has_what_was_before(site: Site) -> None:
    words = VmWords(description="<b>Grades</b>")
    describe_vm(site.owner.actor, vm=site.vm, words=words)
    pin_vm(site.administrator.actor, vm_id=site.vm.pk, hosts=["kvm1"])
    path = f"/machines/{site.vm.pk}/activity"
    people = (site.owner, site.administrator)
    shown = [browser(who).get(path, secure=True).content.decode() for who in people]
    for page in shown:
        assert "description – → &lt;b&gt;Grades&lt;/b&gt;" in page
    assert ["– → kvm1" in page for page in shown] == [False, True]
