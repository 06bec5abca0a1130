"""Quotas on pages: bars where something is spent, the form that sets them, and a kind refusal."""

import re

import pytest
from django.test import Client

from tests.cast import Person, Site
from vrabec.models.grants import Grant
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.vms import Vm


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def text_of(client: Client, path: str) -> str:
    response = client.get(path, secure=True)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_bars_stand_where_something_is_spent(site: Site) -> None:
    Quota.objects.create(kind="project", project=site.project, vms=4, memory_mib=1024)
    Quota.objects.create(kind="user", cpus=8)
    owner = browser(site.owner)
    shown = text_of(owner, "/projects/alpha")
    assert "Quota of alpha" in shown
    assert "1 of 4" in shown
    assert "192 MiB of 1 GiB" in shown
    shown = text_of(owner, "/account")
    assert "Your quota" in shown
    assert "0 of 8" in shown


BUDGET = re.compile(r'<h2>([^<]*)</h2>\s*<div class="room">(.*?)</div></div>\s*(?=<)', re.DOTALL)
LIMIT = re.compile(r"data-limit.*?<span>(.*?)</span><span data-left[^>]*>(.*?)</span>")


def bars(client: Client, path: str) -> dict[str, str]:
    """What stands beside each limit of the form at this path: "Quota of alpha Machines": "2 of 4 left"."""
    budgets = BUDGET.findall(text_of(client, path))
    return {f"{title} {what}": words for title, rows in budgets for what, words in LIMIT.findall(rows)}


def test_the_form_of_a_new_machine_says_what_is_left_after_it(site: Site) -> None:
    Quota.objects.create(kind="project", project=site.project, vms=4, memory_mib=1024)
    Quota.objects.create(kind="user", cpus=8)
    owner = browser(site.owner)
    assert bars(owner, "/machines/new?project=alpha&size=small") == {
        "Quota of alpha Machines": "2 of 4 left",
        "Quota of alpha Memory": "0.3 of 1 GiB left",
        "Your quota CPUs": "7 of 8 left",
    }
    medium = "/machines/new?project=alpha&size=medium"
    assert bars(owner, medium)["Quota of alpha Memory"] == "1.2 GiB over quota"
    assert bars(owner, medium)["Your quota CPUs"] == "6 of 8 left"
    assert '<label class="tile is-over"><input type="radio" name="size" value="medium"' in text_of(
        owner, medium
    )
    assert '<label class="tile"><input type="radio" name="size" value="small"' in text_of(owner, medium)


def test_the_form_of_a_copy_says_what_is_left_after_it_in_its_project(site: Site) -> None:
    Quota.objects.create(kind="project", project=site.project, vms=4, memory_mib=1024)
    Quota.objects.create(kind="user", cpus=8, counts_running=True)
    Project.objects.create(name="gamma")
    Grant.objects.create(user=site.owner.user, role="member", project=Project.objects.get(name="gamma"))
    Quota.objects.create(kind="project", project=Project.objects.get(name="gamma"), vms=1)
    path = f"/machines/{site.vm.pk}/clone"
    assert bars(browser(site.owner), path) == {
        "Quota of alpha Machines": "2 of 4 left",
        "Quota of alpha Memory": "0.6 of 1 GiB left",
        "Your quota CPUs": "8 of 8 left",  # the copy is off, and what runs is counted
    }
    assert bars(browser(site.owner), f"{path}?project=gamma")["Quota of gamma Machines"] == "0 of 1 left"
    assert "Quota of beta" not in text_of(browser(site.owner), f"{path}?project=beta")


def test_beside_the_sizes_of_a_machine_stands_what_more_would_leave(site: Site) -> None:
    Quota.objects.create(kind="project", project=site.project, vms=4, memory_mib=1024)
    Quota.objects.create(kind="user", user=site.teammate.user, disk_mib=2048)
    Vm.objects.update(owner=site.teammate.user)
    path = f"/machines/{site.vm.pk}/hardware"
    assert bars(browser(site.owner), path) == {"Quota of alpha Memory": "0.8 of 1 GiB left"}
    assert bars(browser(site.administrator), path)["Quota of tom Disk"] == "1 of 2 GiB left"
    typed = {"cpus": "1", "memory": "4 GiB", "disk": "1 GiB"}
    refused = browser(site.owner).post(f"/machines/{site.vm.pk}/resize", typed, secure=True)
    assert (refused.status_code, "3 GiB over quota" in refused.content.decode()) == (409, True)
    assert "data-limit" not in text_of(browser(site.viewer), path)


def test_without_limits_there_are_no_bars(site: Site) -> None:
    for path in ("/projects/alpha", "/account"):
        assert "quota" not in text_of(browser(site.owner), path).replace("quotas/", "").lower()
    for path in ("/machines/new", f"/machines/{site.vm.pk}/clone", f"/machines/{site.vm.pk}/hardware"):
        assert "data-limit" not in text_of(browser(site.owner), path)
        assert "in use" not in text_of(browser(site.owner), path)


def test_a_form_beyond_the_quota_comes_back_with_what_is_left(site: Site) -> None:
    Quota.objects.create(kind="project", project=site.project, memory_mib=300)
    typed = {"name": "fresh", "project": "alpha", "template": "tiny", "size": "tiny", "network": "default"}
    response = browser(site.owner).post("/machines/new", typed, secure=True)
    assert response.status_code == 409
    assert "The project alpha may have 300 MiB of memory and has 192 MiB" in response.content.decode()
    assert Vm.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "holder"),
    [
        ("/quotas/project/alpha", {"project__name": "alpha"}),
        ("/quotas/user/tom", {"user__username": "tom"}),
        ("/quotas/user", {"user": None}),
    ],
)
def test_an_administrator_writes_limits(site: Site, path: str, holder: dict[str, object]) -> None:
    client = browser(site.administrator)
    typed = {"vms": "3", "cpus": "", "memory_mib": "4 GiB", "disk_mib": "", "counts_running": "on"}
    assert client.post(path, typed, secure=True).status_code == 303
    row = Quota.objects.get(**holder)
    assert (row.vms, row.cpus, row.memory_mib, row.counts_running) == (3, None, 4096, True)
    assert 'value="4 GiB"' in text_of(client, path)


def test_what_cannot_be_read_is_named_and_stays(site: Site) -> None:
    typed = {"vms": "many", "memory_mib": "a lot", "cpus": "2"}
    response = browser(site.administrator).post("/quotas/project/alpha", typed, secure=True)
    shown = response.content.decode()
    assert response.status_code == 422
    assert "Write a whole number, or nothing for no limit." in shown
    assert "Write an amount such as 512 MiB or 4 GiB." in shown
    assert 'value="many"' in shown
    assert not Quota.objects.exists()


@pytest.mark.parametrize("path", ["/quotas/nothing", "/quotas/project/nowhere"])
def test_of_what_is_not_there_there_is_no_form(site: Site, path: str) -> None:
    assert browser(site.administrator).get(path, secure=True).status_code == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("clone", {"name": "copy", "project": "alpha"}),
        ("resize", {"cpus": "4", "memory": "192 MiB", "disk": "1 GiB"}),
        ("owner", {"owner": "tom", "owner_kind": "user"}),
    ],
)
def test_other_forms_come_back_as_well(site: Site, path: str, form: dict[str, str]) -> None:
    Quota.objects.create(kind="project", project=site.project, vms=1, cpus=1)
    Quota.objects.create(kind="user", vms=0)
    response = browser(site.owner).post(f"/machines/{site.vm.pk}/{path}", form, secure=True)
    assert response.status_code == 409
    shown = response.content.decode()
    assert "ask an administrator for more" in shown
    assert 'name="' in shown
    assert Vm.objects.count() == 1
