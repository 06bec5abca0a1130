"""The pages of machines: the list, one machine, its verbs and its deleting."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_person
from vrabec.lib.clock import now
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, VmLoad
from vrabec.services.screens import write_screen

HTMX = {"hx-request": "true"}


def browser(person: Person, **headers: str) -> Client:
    client = Client(headers=headers)
    client.force_login(person.user)
    return client


def text_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path, secure=True)
    assert response.status_code == status, response.content
    return response.content.decode()


def names(page: str) -> list[str]:
    """The machines of the list, in its order."""
    return re.findall(r'class="row-name" href="/machines/\d+" title="([^"]*)"', page)


def test_the_list_shows_a_machine_with_its_state_host_and_load(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(
        seen=Seen.RUNNING, address="10.0.0.9", memory_mib=192, has_agent=False
    )
    VmLoad.objects.create(vm=site.vm, cpu_percent=18.4, memory_used_mib=96, disk_used_mib=12, seen_at=now())
    page = text_of(browser(site.administrator), "/")
    for words in (
        "web",
        "Running",
        "kvm1",
        "alpha",
        "10.0.0.9",
        "18\u202f%",
        "96 of 192 MiB",
        "12 MiB of 1 GiB",
    ):
        assert words in page


def test_the_default_order_is_what_needs_a_person_first(site: Site) -> None:
    for name, seen in (("b", Seen.RUNNING), ("a", Seen.OFF), ("c", Seen.CRASHED), ("d", Seen.PAUSED)):
        site.make_vm(name, seen=seen)
    assert names(text_of(browser(site.administrator), "/")) == ["c", "d", "b", "a", "web"]
    assert names(text_of(browser(site.administrator), "/?sort=name")) == ["a", "b", "c", "d", "web"]


def test_filters_narrow_the_list_and_stand_as_chips(site: Site) -> None:
    site.make_vm("other", seen=Seen.PAUSED)
    page = text_of(browser(site.administrator), "/?state=paused&host=kvm1&q=oth")
    assert names(page) == ["other"]
    assert "State: Paused" in page
    assert "Host: kvm1" in page
    assert 'value="oth"' in page


def test_where_nothing_matches_the_page_says_what_to_drop(site: Site) -> None:
    client = browser(site.administrator)
    page = text_of(client, "/?state=crashed&host=kvm1&q=web")
    assert "Without “State: Crashed” there is 1." in page
    assert 'href="?host=kvm1&amp;q=web">Drop “State: Crashed”' in page
    assert "Drop “Host: kvm1”" not in page
    assert "Nothing you may see fits all" in text_of(client, "/?state=crashed&q=nowhere")


def test_an_unknown_sort_or_state_in_an_old_bookmark_still_opens(site: Site) -> None:
    assert names(text_of(browser(site.administrator), "/?sort=nonsense&state=x&page=y")) == ["web"]


def test_a_page_past_the_end_is_the_last_one(site: Site) -> None:
    for number in range(60):
        site.make_vm(f"vm-{number:02d}")
    client = browser(site.administrator)
    assert "1–50 of 61" in text_of(client, "/")
    assert "51–61 of 61" in text_of(client, "/?page=99")


def test_a_filter_by_host_is_refused_in_words_to_who_may_not_see_hosts(site: Site) -> None:
    page = text_of(browser(site.owner), "/?host=kvm1&state=running")
    assert "Only who may see hosts lists machines by their host." in page
    assert "Drop “" not in page


PINNED = [("administrator", 15), ("operator", 16), ("owner", 15), ("viewer", 15)]
"""An administrator is asked of nothing what they may do; others of the jobs in the drawer, or of hosts."""


@pytest.mark.parametrize(("who", "pinned"), PINNED)
def test_fifty_rows_cost_as_many_queries_as_one(site: Site, who: str, pinned: int) -> None:
    client = browser(getattr(site, who))
    client.get("/", secure=True)
    for number in range(51):
        if number == 1:
            few = queries(client)
        vm = site.make_vm(f"vm-{number:02d}")
        VmLoad.objects.create(vm=vm, seen_at=now())
        Job.objects.create(kind="vm.start", vm=vm, project=site.project, host=site.host, subject_name=vm.name)
    assert queries(client) == few == pinned


def queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as context:
        text_of(client, "/")
    return len(context)


def test_host_names_are_for_administrators(site: Site) -> None:
    for path in ("/", f"/machines/{site.vm.pk}", f"/machines/{site.vm.pk}/activity", "/machines/new"):
        assert "kvm1" not in text_of(browser(site.owner), path)
        assert "kvm1" in text_of(browser(site.administrator), path)


def test_a_stranger_sees_neither_the_machine_nor_that_there_is_one(site: Site) -> None:
    client = browser(site.stranger)
    assert names(text_of(client, "/")) == []
    assert ">web<" not in text_of(client, f"/machines/{site.vm.pk}", status=404)
    assert client.post(f"/machines/{site.vm.pk}/start", secure=True).status_code == 404


def test_somebody_without_a_project_is_told_what_to_wait_for(site: Site) -> None:
    alone = make_person("noel")
    assert "once somebody gives you access" in text_of(browser(alone), "/")
    assert "No machine matches" in text_of(browser(alone), "/?q=nothing")


@pytest.mark.parametrize(
    ("seen", "shown", "absent"),
    [
        (Seen.OFF, {"Start", "Delete …"}, {"Shut down", "Power off", "Restart", "Wake"}),
        (
            Seen.RUNNING,
            {
                "Shut down<",
                "Restart",
                "Pause",
                "Hibernate",
                "Send Ctrl-Alt-Del",
                "Hard reset",
                "Power off<",
                "Delete …",
            },
            {">Start<", "Resume"},
        ),
        (Seen.PAUSED, {"Resume", "Power off<"}, {">Start<", "Shut down", "Restart", "Pause"}),
        (Seen.HIBERNATED, {"Wake", "Power off …"}, {"Shut down", "Resume", "Hibernate"}),
    ],
)
def test_only_what_the_state_allows_is_offered(
    site: Site, seen: Seen, shown: set[str], absent: set[str]
) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=seen, has_agent=False)
    page = text_of(browser(site.owner), f"/machines/{site.vm.pk}/actions")
    assert all(word in page for word in shown)
    assert not any(word in page for word in absent)


def test_who_may_only_look_is_offered_nothing(site: Site) -> None:
    page = text_of(browser(site.viewer), f"/machines/{site.vm.pk}/actions")
    assert "<button" not in page
    assert "<a" not in page


def test_a_machine_that_went_meanwhile_has_no_buttons_and_is_no_error(site: Site) -> None:
    late = site.make_vm("late", deleted_at=now())
    for asked in (late.pk, 999_999):
        answer = browser(site.owner).get(f"/machines/{asked}/actions", secure=True)
        assert (answer.status_code, answer.content) == (200, b"")


VERBS = [
    ("reboot", Seen.RUNNING),
    ("reset", Seen.RUNNING),
    ("pause", Seen.RUNNING),
    ("hibernate", Seen.RUNNING),
    ("send-keys", Seen.RUNNING),
    ("resume", Seen.PAUSED),
    ("power-off", Seen.HIBERNATED),
]


@pytest.mark.parametrize(("verb", "seen"), VERBS)
def test_a_button_queues_its_verb(site: Site, verb: str, seen: Seen) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=seen)
    assert browser(site.owner).post(f"/machines/{site.vm.pk}/{verb}", secure=True).status_code == 303
    assert Job.objects.get().kind == f"vm.{verb.replace('-', '_')}"
    assert "web" in text_of(browser(site.owner), f"/machines/{site.vm.pk}/activity")


def test_powering_a_hibernated_machine_off_says_what_is_lost(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.HIBERNATED)
    assert "saved memory" in text_of(browser(site.owner), f"/machines/{site.vm.pk}/power-off")
    part = text_of(browser(site.owner, **HTMX), f"/machines/{site.vm.pk}/power-off")
    assert "<html" not in part
    assert not Job.objects.exists()


def test_a_shutdown_that_powers_off_asks_for_its_seconds(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    client, path = browser(site.owner), f"/machines/{site.vm.pk}/shutdown"
    assert 'value="90"' in text_of(client, path)
    refused = client.post(path, {"deadline_seconds": "soon", "then_power_off": "on"}, secure=True)
    assert refused.status_code == 422
    assert 'value="soon"' in refused.content.decode()
    assert "from 1 to 3600 seconds" in refused.content.decode()
    sent = client.post(path, {"deadline_seconds": "20", "then_power_off": "on"}, secure=True)
    assert (sent.status_code, sent["Location"]) == (303, f"/machines/{site.vm.pk}")
    assert Job.objects.get().args == {"deadline_seconds": 20, "then_power_off": True}


def test_a_plain_shutdown_gives_up_after_its_usual_time(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    browser(site.owner).post(f"/machines/{site.vm.pk}/shutdown", secure=True)
    assert Job.objects.get().args == {"deadline_seconds": 90, "then_power_off": False}


def test_the_page_says_whether_it_starts_with_its_host(site: Site) -> None:
    path = f"/machines/{site.vm.pk}"
    assert "<dt>Starts with host</dt><dd>No</dd>" in text_of(browser(site.owner), path)
    Vm.objects.filter(pk=site.vm.pk).update(wished="on")
    assert "<dt>Starts with host</dt><dd>Yes</dd>" in text_of(browser(site.owner), path)


def test_the_screen_is_shown_to_owners_of_what_runs(site: Site) -> None:
    path = f"/machines/{site.vm.pk}"
    assert 'data-cell="screen"' not in text_of(browser(site.owner), path)
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    assert 'data-cell="screen"' in text_of(browser(site.owner), path)
    assert 'data-cell="screen"' not in text_of(browser(site.viewer), path)
    assert browser(site.owner).post(f"{path}/screen", secure=True).status_code == 303
    write_screen(site.vm.pk, b"png")
    answer = browser(site.owner).get(f"{path}/screen", secure=True)
    assert (answer["Content-Type"], answer.content) == ("image/png", b"png")


def test_a_verb_queues_a_job_and_comes_back_to_the_machine(site: Site) -> None:
    response = browser(site.owner).post(f"/machines/{site.vm.pk}/start", secure=True)
    assert (response.status_code, response["Location"]) == (303, f"/machines/{site.vm.pk}")
    assert Job.objects.get().kind == "vm.start"


def test_a_verb_through_htmx_answers_with_a_part(site: Site) -> None:
    response = browser(site.owner, **HTMX).post(f"/machines/{site.vm.pk}/start", secure=True)
    assert response.status_code == 200
    assert b"<html" not in response.content


def test_a_verb_that_came_too_late_says_why(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    page = browser(site.owner).post(f"/machines/{site.vm.pk}/start", secure=True)
    assert page.status_code == 409
    assert "web runs already." in page.content.decode()
    part = browser(site.owner, **HTMX).post(f"/machines/{site.vm.pk}/start", secure=True)
    assert (part.status_code, part["HX-Retarget"]) == (409, "#flash")
    assert "web runs already." in part.content.decode()


def test_deleting_says_what_is_lost_and_asks_for_the_name(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(address="10.0.0.9")
    client = browser(site.owner)
    page = text_of(client, f"/machines/{site.vm.pk}/delete")
    assert "Its disk of 1 GiB" in page
    assert "10.0.0.9" in page
    refused = client.post(f"/machines/{site.vm.pk}/delete", {"name": "wep"}, secure=True)
    assert refused.status_code == 422
    assert 'value="wep"' in refused.content.decode()
    assert not Job.objects.exists()
    assert client.post(f"/machines/{site.vm.pk}/delete", {"name": "web"}, secure=True)["Location"] == "/"
    assert Job.objects.get().kind == "vm.delete"
    assert "web is being deleted." in text_of(client, "/")


def test_the_dialog_is_the_same_form_without_the_shell(site: Site) -> None:
    client = browser(site.owner, **HTMX)
    part = text_of(client, f"/machines/{site.vm.pk}/delete")
    assert "<html" not in part
    assert "Delete web?" in part
    sent = client.post(f"/machines/{site.vm.pk}/delete", {"name": "web"}, secure=True)
    assert sent["HX-Redirect"] == "/"


def test_a_machine_of_a_silent_host_says_so_and_offers_nothing(site: Site) -> None:
    Host.objects.update(state=HostState.UNREACHABLE)
    page = text_of(browser(site.administrator), f"/machines/{site.vm.pk}")
    assert "kvm1 does not answer" in page
    assert "Unknown" in page
    assert f"/machines/{site.vm.pk}/start" not in page
    assert "The host of this machine does not answer" in text_of(
        browser(site.owner), f"/machines/{site.vm.pk}"
    )


def test_a_job_shows_in_the_state_the_drawer_and_the_pill(site: Site) -> None:
    steps = [
        {"title": "Create the disk", "begun": "x", "ended": None},
        {"title": "Start it", "begun": None, "ended": None},
    ]
    columns = {"vm": site.vm, "host": site.host, "project": site.project, "subject_name": "web"}
    Job.objects.create(
        kind="vm.create",
        state=JobState.RUNNING,
        plan=["a", "b"],
        steps=steps,
        begun=1,
        percent=40,
        created_by_name="Olga",
        **columns,
    )
    page = text_of(browser(site.owner), f"/machines/{site.vm.pk}")
    assert "Creating" in page
    assert "Create web" in page
    assert "step 1 of 2" in page
    assert "Step 1 of 2: Create the disk" in page
    assert "1 running" in page
    assert page.count("40\u202f%") >= 3


def test_cells_are_those_of_machines_one_may_see(site: Site) -> None:
    asked = f"/cells?vm={site.vm.pk},999"
    seen = browser(site.viewer).get(asked, secure=True).json()
    assert [cell["id"] for cell in seen["vm"]] == [site.vm.pk]
    assert seen["gone"] == [999]
    hidden = browser(site.stranger).get(asked, secure=True).json()
    assert hidden["vm"] == []


def test_hostile_names_stay_text(site: Site) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    site.make_vm(evil, is_managed=False, address=evil[:40])
    client = browser(site.administrator)
    for path in ("/", f"/?q={evil[:10]}", f"/machines/{Vm.objects.get(name=evil).pk}"):
        assert "<img" not in text_of(client, path)


def test_the_part_that_typing_fetches_keeps_search_and_filters_together(site: Site) -> None:
    part = text_of(browser(site.administrator, **HTMX, **{"hx-target": "list"}), "/?q=we&sort=name")
    assert names(part) == ["web"]
    assert "<html" not in part
    assert 'href="?q=we&amp;sort=name&amp;state=running"' in part
    assert '<span class="count" id="count" hx-swap-oob="true">1</span>' in part


def test_a_search_that_asks_what_there_is_not_is_explained_in_the_list(site: Site) -> None:
    page = text_of(browser(site.administrator), "/?q=colour:red")
    assert "This search is not understood" in page
    assert "Nothing can be searched by colour:. Use name:, host:," in page
    assert 'value="colour:red"' in page


def test_description_and_tags_are_shown_as_text_and_edited_in_a_form(site: Site) -> None:
    owner = browser(site.owner)
    path = f"/machines/{site.vm.pk}/describe"
    assert "Such as prod web" in text_of(owner, path)
    hostile = "<img src=x onerror=alert(1)>"
    sent = {"description": hostile, "tags": "prod, web"}
    assert owner.post(path, sent, secure=True)["Location"] == f"/machines/{site.vm.pk}"
    page = text_of(owner, f"/machines/{site.vm.pk}")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert hostile not in page
    assert 'href="/?tag=prod"' in page
    assert names(text_of(owner, "/?tag=prod")) == ["web"]
    assert names(text_of(owner, "/?tag=pro")) == []


def test_a_refused_description_keeps_what_was_typed(site: Site) -> None:
    sent = {"description": "kept words", "tags": "WRONG"}
    response = browser(site.owner, **HTMX).post(f"/machines/{site.vm.pk}/describe", sent, secure=True)
    page = response.content.decode()
    assert response.status_code == 422
    assert "kept words" in page
    assert "1 to 32 of" in page


def test_who_may_only_look_sees_the_description_without_a_way_to_edit(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(description="Grades")
    page = text_of(browser(site.viewer), f"/machines/{site.vm.pk}")
    assert "Grades" in page
    assert "/describe" not in page


def test_a_machine_that_is_off_offers_to_be_renamed(site: Site) -> None:
    owner = browser(site.owner)
    path = f"/machines/{site.vm.pk}/rename"
    assert path in text_of(owner, f"/machines/{site.vm.pk}")
    assert "its guest at its next start" in text_of(owner, path)
    assert owner.post(path, {"name": "db"}, secure=True)["Location"] == f"/machines/{site.vm.pk}"
    assert Job.objects.get().args["name"] == "db"
    assert "Rename web to db" in text_of(owner, f"/machines/{site.vm.pk}/activity")


def test_a_taken_name_stands_beside_the_field(site: Site) -> None:
    site.make_vm("db")
    response = browser(site.owner).post(f"/machines/{site.vm.pk}/rename", {"name": "db"}, secure=True)
    page = response.content.decode()
    assert response.status_code == 409
    assert 'value="db"' in page
    assert "has a machine named db already" in page


@pytest.mark.parametrize("form", ["rename", "clone"])
def test_a_form_says_that_the_machine_was_started_meanwhile(site: Site, form: str) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    sent = {"name": "db", "project": "alpha"}
    response = browser(site.owner, **HTMX).post(f"/machines/{site.vm.pk}/{form}", sent, secure=True)
    assert response.status_code == 409
    assert "web runs: shut it down first." in response.content.decode()


def test_the_hardware_form_changes_what_was_changed_in_it(site: Site) -> None:
    owner = browser(site.owner)
    page = text_of(owner, f"/machines/{site.vm.pk}/hardware")
    assert 'value="192 MiB"' in page
    sent = {"cpus": "2", "memory": "192 MiB", "disk": "2 GiB"}
    answer = owner.post(f"/machines/{site.vm.pk}/resize", sent, secure=True)
    assert answer["Location"] == f"/machines/{site.vm.pk}/hardware"
    assert Job.objects.get().args == {"cpus": 2, "disk_mib": 2048}
    assert "Resize web" in text_of(owner, f"/machines/{site.vm.pk}/activity")


def test_refused_sizes_keep_what_was_typed_and_say_why(site: Site) -> None:
    sent = {"cpus": "many", "memory": "lots", "disk": "1 MiB"}
    answer = browser(site.owner).post(f"/machines/{site.vm.pk}/resize", sent, secure=True)
    page = answer.content.decode()
    assert answer.status_code == 422
    for words in ('value="many"', "Write a whole number of CPUs.", "Write an amount such as"):
        assert words in page
    sent = {"cpus": "1", "memory": "192 MiB", "disk": "1 MiB"}
    answer = browser(site.owner).post(f"/machines/{site.vm.pk}/resize", sent, secure=True)
    assert "A disk only grows: it has 1024 MiB." in answer.content.decode()


def test_what_waits_for_the_next_start_is_said_on_every_tab(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING, next_cpus=4, next_memory_mib=2048)
    for tab in ("", "/hardware", "/activity"):
        page = text_of(browser(site.viewer), f"/machines/{site.vm.pk}{tab}")
        assert "CPUs 1 → 4, memory 192 MiB → 2 GiB." in page
        assert "A restart from inside is not enough" in page


def test_who_may_only_look_sees_hardware_without_a_form(site: Site) -> None:
    page = text_of(browser(site.viewer), f"/machines/{site.vm.pk}/hardware")
    assert "192 MiB" in page
    assert "/resize" not in page


def test_a_copy_is_made_from_its_form(site: Site) -> None:
    owner = browser(site.owner)
    path = f"/machines/{site.vm.pk}/clone"
    assert path in text_of(owner, f"/machines/{site.vm.pk}")
    assert 'value="web-2"' in text_of(owner, path)
    refused = owner.post(path, {"name": "web", "project": "alpha"}, secure=True)
    assert (refused.status_code, "has a machine named web already" in refused.content.decode()) == (409, True)
    made = owner.post(path, {"name": "web-2", "project": "alpha"}, secure=True)
    assert made["Location"] == f"/machines/{Vm.objects.get(name='web-2').pk}"
    assert "Copy web to web-2" in text_of(owner, f"/machines/{site.vm.pk}/activity")
