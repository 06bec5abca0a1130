"""Clusters and placement from REST and the pages: who is told what, and what the dialogs change."""

from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.test_rest import call
from tests.frontend.test_web_new import FORM
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Vm

SETTINGS = {"name": "lab", "memory_ratio": "1,5", "cpu_ratio": "8", "cover": "refuse", "balance_hours": "24",
            "balance_moves": "3"}  # fmt: skip


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def ask(site: Site, who: str = "administrator", **wish: object) -> Any:
    return call(site, "POST", "/vms/placement", {"project": "alpha", **wish}, who)


def test_why_here_and_why_not_there_is_answered_without_making_anything(site: Site) -> None:
    Host.objects.create(name="kvm2", uri="test:///default", state=HostState.UNREACHABLE)
    said = ask(site).json()
    assert said["fits"] is True
    assert [(verdict["host"], verdict["chosen"], verdict["why"]) for verdict in said["hosts"]] == [
        ("kvm1", True, "Chosen; but if a host died, not every machine would find a place any more."),
        ("kvm2", False, "It does not answer."),
    ]
    assert said["losses"] == [{"host": "kvm1", "machines": [""]}]
    assert Vm.objects.count() == 1


def test_an_owner_is_told_the_same_without_names_of_hosts(site: Site) -> None:
    Host.objects.create(name="kvm2", uri="test:///default", cpus=4, memory_mib=4096, state=HostState.ONLINE,
                        networks=["default"], pool_free_mib=100, pool_total_mib=100)  # fmt: skip
    answer = ask(site, "owner")
    assert "kvm" not in answer.content.decode()
    assert [verdict["why"] for verdict in answer.json()["hosts"]] == [
        "Chosen: with this machine the cluster is most even.",
        "It could take the machine.",
    ]


def test_what_no_host_can_take_is_answered_and_not_refused(site: Site) -> None:
    said = ask(site, memory_mib=4000).json()
    assert (said["fits"], said["hosts"][0]["why"]) == (False, "It has 3584 MiB of memory left.")
    assert ask(site, farm="No farm").json()["error"]["field"] == "farm"


def test_a_machine_is_made_with_a_farm_and_given_another(site: Site) -> None:
    made = call(site, "POST", "/vms", {"name": "ldap-1", "project": "alpha", "farm": "ldap"}, "owner").json()
    assert call(site, "GET", f"/vms/{made['vm']}", who="owner").json()["farm"] == "ldap"
    path = f"/vms/{site.vm.pk}"
    assert call(site, "PATCH", path, {"farm": "web"}, "owner").json()["farm"] == "web"
    assert call(site, "PATCH", path, {"description": "x"}, "owner").json()["farm"] == "web"
    assert call(site, "PATCH", path, {"farm": "W"}, "owner").json()["error"]["field"] == "farm"


def test_a_machine_is_bound_by_rest_and_shown_to_administrators_alone(site: Site) -> None:
    path = f"/vms/{site.vm.pk}"
    said = call(site, "PUT", f"{path}/hosts", {"hosts": ["kvm1"]}, "administrator").json()
    assert said["pinned_to"] == ["kvm1"]
    assert call(site, "GET", "/vms", who="administrator").json()["items"][0]["pinned_to"] == ["kvm1"]
    assert call(site, "GET", path, who="owner").json()["pinned_to"] == []
    answer = call(site, "PUT", f"{path}/hosts", {"hosts": ["kvm9"]}, "administrator")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "hosts")


# The pages


def test_the_form_says_where_the_machine_would_go(site: Site) -> None:
    client = browser(site.administrator)
    headers = {"HX-Request": "true"}
    part = client.post("/machines/new/placement", FORM, secure=True, headers=headers).content.decode()
    assert "Now it would go to kvm1." in part
    assert "<html" not in part
    page = client.post("/machines/new/placement", FORM, secure=True).content.decode()
    assert "Now it would go to kvm1." in page
    assert "<html" in page


def test_the_form_says_which_field_is_wrong_instead(site: Site) -> None:
    typed = FORM | {"size": "custom", "memory": "much"}
    said = browser(site.owner).post("/machines/new/placement", typed, secure=True).content.decode()
    assert "Write an amount such as 512 MiB or 4 GiB." in said


def test_an_owners_form_names_no_host(site: Site) -> None:
    said = browser(site.owner).post("/machines/new/placement", FORM, secure=True).content.decode()
    assert "There is room for it now." in said
    assert "kvm1" not in said


def test_who_would_have_no_place_is_said_beside_the_form(site: Site) -> None:
    Host.objects.create(name="kvm2", uri="test:///default", state=HostState.UNREACHABLE)
    said = browser(site.administrator).post("/machines/new/placement", FORM, secure=True).content.decode()
    assert "If kvm1 died, there would be no place for this machine." in said


def test_a_cluster_is_told_to_balance_by_the_clock(site: Site) -> None:
    client, path = browser(site.administrator), f"/clusters/{site.host.cluster_id}"
    assert "every" not in client.get(f"{path}/balance", secure=True).content.decode()
    client.post(path, SETTINGS, secure=True)
    found = Cluster.objects.get()
    assert (found.balance_hours, found.balance_moves) == (24, 3)
    assert 'value="24"' in client.get(path, secure=True).content.decode()
    assert "balanced every 24 h" in client.get("/hosts", secure=True).content.decode()
    assert "every 24 h, 3 moves at most" in client.get(f"{path}/balance", secure=True).content.decode()


def test_hosts_stand_under_their_clusters_with_the_settings(site: Site) -> None:
    Cluster.objects.create(name="lab", memory_ratio=1.5, cover=Cover.REFUSE)
    page = browser(site.administrator).get("/hosts", secure=True).content.decode()
    assert page.index(">default</h2>") < page.index('<tr data-host="') < page.index(">lab</h2>")
    assert "memory × 1.5, CPUs × 16, N+1: kept" in page


def test_a_cluster_is_made_changed_and_removed_by_its_dialog(site: Site) -> None:
    client = browser(site.administrator)
    assert client.post("/clusters/new", SETTINGS, secure=True)["Location"] == "/hosts"
    made = Cluster.objects.get(name="lab")
    assert (made.memory_ratio, made.cpu_ratio, made.cover) == (1.5, 8, "refuse")
    client.post(f"/clusters/{made.pk}", SETTINGS | {"cpu": "baseline"}, secure=True)
    assert Cluster.objects.get(name="lab").cpu == "baseline"
    form = client.get(f"/clusters/{made.pk}", secure=True).content.decode()
    assert 'value="1.5"' in form
    client.post(f"/clusters/{made.pk}", SETTINGS | {"name": "labs"}, secure=True)
    client.post(f"/hosts/{site.host.pk}/cluster", {"cluster": "labs"}, secure=True)
    assert Host.objects.get().cluster == made
    assert "Remove" not in client.get(f"/clusters/{made.pk}", secure=True).content.decode()
    client.post(f"/hosts/{site.host.pk}/cluster", {"cluster": "default"}, secure=True)
    assert client.post(f"/clusters/{made.pk}/remove", secure=True)["Location"] == "/hosts"
    assert not Cluster.objects.filter(pk=made.pk).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"memory_ratio": "much"}, "Write a number, such as 1.5."),
        ({"memory_ratio": "9"}, "Choose from 0.1 to 4.0."),
        ({"name": "default"}, "exists already"),
        ({"cover": "maybe"}, "Choose one of: off, say, refuse."),
        ({"balance_hours": "daily"}, "Write a whole number, such as 5."),
        ({"balance_hours": "745"}, "Choose from 0 to 744."),
        ({"balance_moves": ""}, "Write a whole number, such as 5."),
        ({"balance_moves": "0"}, "Choose from 1 to 100."),
    ],
)
def test_a_refused_setting_stands_beside_its_field(site: Site, changes: dict[str, str], said: str) -> None:
    client = browser(site.administrator)
    answer = client.post("/clusters/new", SETTINGS | changes, secure=True)
    assert answer.status_code in (409, 422)
    assert said in answer.content.decode()
    assert "lab" in answer.content.decode()


def test_a_machine_is_bound_by_its_dialog(site: Site) -> None:
    client, path = browser(site.administrator), f"/machines/{site.vm.pk}"
    assert "any host" in client.get(path, secure=True).content.decode()
    refused = client.post(f"{path}/hosts", {"hosts": "kvm1, kvm9"}, secure=True)
    assert (refused.status_code, "There is no host named kvm9." in refused.content.decode()) == (422, True)
    assert client.post(f"{path}/hosts", {"hosts": "kvm1"}, secure=True)["Location"] == path
    assert 'value="kvm1"' in client.get(f"{path}/hosts", secure=True).content.decode()
    assert "Bound to" not in browser(site.owner).get(path, secure=True).content.decode()


def test_a_bound_machine_is_made_from_the_form(site: Site) -> None:
    client = browser(site.administrator)
    client.post("/machines/new", FORM | {"hosts": "kvm1"}, secure=True)
    assert [host.name for host in Vm.objects.get(name="fresh").pinned_to.all()] == ["kvm1"]


def test_an_unknown_cluster_is_refused_beside_the_field(site: Site) -> None:
    client = browser(site.administrator)
    answer = client.post(f"/hosts/{site.host.pk}/cluster", {"cluster": "gone"}, secure=True)
    assert answer.status_code == 422
    assert "There is no cluster named gone." in answer.content.decode()
