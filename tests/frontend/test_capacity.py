"""Capacity from REST, the page and the command: figures of one service, said three times."""

import pytest
from django.test import Client

from tests.cast import Site, make_host
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_rest import call
from vrabec.models.clusters import Cluster, Cover
from vrabec.models.hosts import Host, HostState
from vrabec.models.vms import Seen

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]


def page(site: Site) -> str:
    client = Client()
    client.force_login(site.administrator.user)
    answer = client.get(f"/clusters/{site.host.cluster_id}/capacity", secure=True)
    assert answer.status_code == 200
    return answer.content.decode()


def fill(site: Site) -> None:
    """Two hosts, of which the first has more than fits on the second."""
    make_host("kvm2")
    for name in ("moodle", "moodle-db"):
        site.make_vm(name, memory_mib=1800, seen=Seen.RUNNING)


def test_rest_says_how_full_each_cluster_is(site: Site) -> None:
    fill(site)
    Cluster.objects.create(name="empty")
    [said] = call(site, "GET", "/capacity", who="administrator").json()
    assert (said["cluster"], said["memory_promised_mib"], said["is_covered"]) == ("default", 3600, False)
    assert [(one["host"], one["vms"], one["lost_names"]) for one in said["hosts"]] == [
        ("kvm1", 2, ["moodle-db"]),
        ("kvm2", 0, []),
    ]
    assert [size["most"] for size in said["sizes"]] == [18, 7, 1, 0]


def test_rest_says_it_of_one_cluster(site: Site) -> None:
    path = f"/capacity?cluster={site.host.cluster_id}"
    assert [one["cluster"] for one in call(site, "GET", path, who="administrator").json()] == ["default"]
    assert call(site, "GET", "/capacity?cluster=0", who="administrator").status_code == 404


def test_the_page_names_who_would_find_no_place(site: Site) -> None:
    fill(site)
    said = page(site)
    assert "Any one host may die: no." in said
    assert "If kvm1 died, there would be no place for moodle-db." in said


def test_rest_and_the_page_say_which_host_holds_the_cpu_back(site: Site) -> None:
    make_host("kvm2")
    for name, features in (("kvm1", ["aes"]), ("kvm2", ["aes", "avx2"])):
        Host.objects.filter(name=name).update(offers={"cpu": f"<cpu>{name}</cpu>", "features": features})
    Cluster.objects.update(baseline={"of": "1", "model": "Nehalem", "features": ["aes"], "xml": "<cpu/>"})
    assert "Nehalem with 1 flags is what all hosts have in common." in page(site)
    assert "lacks avx2" in page(site)
    [said] = call(site, "GET", "/clusters", who="administrator").json()
    assert (said["cpu"], said["baseline"]) == (
        "host",
        {
            "model": "Nehalem", "features": ["aes"], "why": "",
            "held_back_by": [{"host": "kvm1", "features": ["avx2"]}],
        },
    )  # fmt: skip


def test_the_page_says_that_any_host_may_die(site: Site) -> None:
    make_host("kvm2")
    site.make_vm("small", seen=Seen.RUNNING)
    said = page(site)
    assert "Any one host may die: yes." in said
    assert "The worst case is the death of kvm1 with 1 machine: 3.3 GiB would stay free." in said
    assert "1 fits elsewhere" in said


def test_the_page_says_why_nobody_looks_at_n_plus_1(site: Site) -> None:
    assert "There is one host alone" in page(site)
    make_host("kvm2")
    Cluster.objects.update(cover=Cover.OFF)
    assert "The settings of the cluster say so." in page(site)


def test_a_host_that_does_not_answer_says_so(site: Site) -> None:
    make_host("kvm2")
    Host.objects.filter(name="kvm2").update(state=HostState.UNREACHABLE)
    assert "Does not answer" in page(site)


@pytest.mark.django_db(transaction=True)
def test_the_command_prints_hosts_sizes_and_the_answer(site: Site, vrabec: Vrabec) -> None:
    fill(site)
    said = vrabec("capacity", "--cluster", "default").out
    assert said.startswith("default: not every host may die.\nHOST")
    assert "no place for moodle-db" in said
    assert "KEEPING N+1" in said
    assert vrabec("capacity", "-o", "json").data[0]["cluster"] == "default"
