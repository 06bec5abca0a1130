"""Balancing from REST, the page and the command."""

import re

import pytest
from django.test import Client

from tests.cast import Site, make_host
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_rest import call
from vrabec.models.clusters import Cluster
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]


@pytest.fixture
def uneven(site: Site) -> Site:
    """Two hosts with four machines on the first, one of which is paused."""
    make_host("kvm2")
    for number in range(4):
        site.make_vm(f"vm-{number}", memory_mib=512, seen=Seen.RUNNING, wished=Wished.ON)
    Vm.objects.filter(name="vm-3").update(seen=Seen.PAUSED)
    return site


def path(site: Site) -> str:
    return f"/clusters/{site.host.cluster_id}/balance"


def browser(site: Site) -> Client:
    client = Client()
    client.force_login(site.administrator.user)
    return client


def test_rest_proposes_and_makes_moves(uneven: Site) -> None:
    said = call(uneven, "GET", f"{path(uneven)}?most=1", who="administrator").json()
    [move] = said["moves"]
    assert (move["source"], move["target"], move["copied_mib"]) == ("kvm1", "kvm2", 512)
    assert said["stays"] == [{"why": "It is paused: resume it first.", "count": 1}]
    wish = {"moves": [{"vm": move["vm"], "to": "kvm2"}, {"vm": 10**9, "to": "kvm2"}]}
    answer = call(uneven, "POST", path(uneven), wish, "administrator")
    assert (answer.status_code, answer.json()["done"], answer.json()["total"]) == (202, 1, 2)
    made, refused = answer.json()["results"]
    assert made["job"]["id"] == Job.objects.get().pk
    assert refused["error"]["message"] == "It is not in this cluster any more."


def test_rest_names_the_limits(uneven: Site) -> None:
    for number in (0, 999):
        answer = call(uneven, "GET", f"{path(uneven)}?most={number}", who="administrator")
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "most")
    assert call(uneven, "POST", path(uneven), {"moves": []}, "administrator").status_code == 422


def test_the_page_makes_what_is_ticked(uneven: Site) -> None:
    client = browser(uneven)
    page = client.get(path(uneven), secure=True).content.decode()
    boxes = re.findall(r'name="move" value="([^"]+)"', page)
    assert len(boxes) == 2
    assert "It is paused: resume it first." in page
    client.post(path(uneven), {"move": [boxes[0], "no box", "99999 kvm2"]}, secure=True)
    said = client.get(path(uneven), secure=True).content.decode()
    assert Job.objects.count() == 1
    assert "1 machine moves." in said
    assert "99999: It is not in this cluster any more." in said
    assert "Another job works on it." in said


def test_the_page_says_when_nothing_is_chosen_or_to_be_moved(uneven: Site) -> None:
    client = browser(uneven)
    client.post(path(uneven), {}, secure=True)
    assert "Choose at least one move." in client.get(path(uneven), secure=True).content.decode()
    Vm.objects.all().delete()
    assert "as even as moves make it" in client.get(path(uneven), secure=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_command_shows_moves_and_makes_some(uneven: Site, vrabec: Vrabec) -> None:
    shown = vrabec("balance")
    assert shown.out.startswith("MACHINE")
    assert "2 moves:" in shown.err
    assert "1 stay: It is paused" in shown.err
    made = vrabec("balance", "--cluster", "default", "--apply", "1")
    assert re.fullmatch(r"vm-\d: Move vm-\d to another host, queued: job \d+\n", made.out)
    assert Job.objects.filter(kind="vm.migrate").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command_asks_which_cluster(uneven: Site, vrabec: Vrabec) -> None:
    other = make_host("kvm3")
    other.cluster = Cluster.objects.create(name="lab")
    other.save()
    assert "Say which: --cluster default or lab." in vrabec("balance").err
    assert "lab is as even as moves make it" in vrabec("balance", "--cluster", "lab", "--apply").err
