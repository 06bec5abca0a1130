"""Storage: its pages, REST and commands."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from vrabec.models.hosts import Host
from vrabec.models.pools import Pool, Volume
from vrabec.services.pools import keep_pools, keep_volumes

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def pool(host: Host, name: str, **columns: object) -> int:
    fits = {"kind": "dir", "source": "", "path": "/srv/images", "is_active": True}
    fits |= {"capacity_mib": 100 * 1024, "available_mib": 75 * 1024}
    return keep_pools(host.pk, [{"name": name, **(fits | columns)}])[name]


@pytest.fixture
def images(site: Site) -> int:
    """A pool with the disk of "web", its template and a file that nobody uses."""
    made = pool(site.host, "images")
    rows = [
        ("base.qcow2", "/srv/images/base.qcow2", "qcow2", 2048, 900, ""),
        ("debian.iso", "/srv/images/debian.iso", "iso", 650, 650, ""),
        ("web.qcow2", "/srv/images/web.qcow2", "qcow2", 10240, 1024, "/srv/images/base.qcow2"),
    ]
    keep_volumes(made, rows, {"/srv/images/web.qcow2": site.vm.pk})
    return made


def text(person: Person, path: str) -> str:
    client = Client()
    client.force_login(person.user)
    answer: Any = client.get(path, secure=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_list_says_where_each_pool_is_and_how_full(site: Site, images: int) -> None:
    page = text(site.operator, "/storage")
    assert f'href="/storage/{images}">images</a>' in page
    assert "/srv/images" in page
    assert "25 of 100 GiB" in page
    assert 'aria-current="page"' in page
    assert "Storage" not in text(site.owner, "/")


def test_a_pool_that_is_not_active_says_so(site: Site) -> None:
    made = pool(site.host, "nfs", kind="netfs", source="nfs1:/export", is_active=False, capacity_mib=0)
    assert "not active" in text(site.operator, "/storage")
    page = text(site.operator, f"/storage/{made}")
    assert "virsh pool-start nfs" in page
    assert "nfs1:/export" in page


def test_the_list_can_be_that_of_one_host(site: Site, images: int) -> None:
    other = Host.objects.create(name="kvm2", uri="test:///default")
    there = pool(other, "archive")
    page = text(site.operator, "/storage?host=kvm2")
    assert f"/storage/{there}" in page
    assert f"/storage/{images}" not in page


def test_a_host_that_is_not_there_is_named(site: Site, images: int) -> None:
    client = Client()
    client.force_login(site.operator.user)
    answer: Any = client.get("/storage?host=kvm9", secure=True)
    assert answer.status_code == 422
    assert "There is no host named kvm9." in answer.content.decode()


def test_volumes_are_shown_with_what_uses_them(site: Site, images: int) -> None:
    page = text(site.operator, f"/storage/{images}")
    assert f'<a href="/machines/{site.vm.pk}">web</a>' in page
    assert "base of one volume" in page
    assert "debian.iso" in page
    found = text(site.operator, f"/storage/{images}?q=ISO")
    assert "debian.iso" in found
    assert "web.qcow2" not in found
    assert "No volume has this in its name" in text(site.operator, f"/storage/{images}?q=%00nothing")


def test_a_long_pool_has_pages(site: Site, images: int) -> None:
    Volume.objects.bulk_create(Volume(pool_id=images, name=f"x{number:03}") for number in range(60))
    assert "x059" not in text(site.operator, f"/storage/{images}")
    assert "x059" in text(site.operator, f"/storage/{images}?page=2")


def test_by_command(site: Site, images: int, vrabec: Vrabec, signed_in: Callable[[str], None]) -> None:
    listed = vrabec("pool", "list", "-o", "json").data
    assert [(row["name"], row["host"], row["volumes"]) for row in listed] == [("images", "kvm1", 3)]
    assert "images" in vrabec("pool", "list").out
    lines = vrabec("pool", "volumes", "images").out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "base.qcow2", "debian.iso", "web.qcow2"]
    assert "base of 1" in lines[1]
    assert "web" in lines[3].split()
    found = vrabec("pool", "volumes", str(images), "--search", "iso", "-o", "json").data
    assert [row["name"] for row in found["items"]] == ["debian.iso"]
    assert "There is no storage pool named none" in vrabec("pool", "volumes", "none").err
    assert "There is no host named kvm2." in vrabec("pool", "list", "--host", "kvm2").err
    signed_in("owner")
    refused = vrabec("pool", "list")
    assert refused.status != 0
    assert "see storage" in refused.err


def test_a_name_that_several_hosts_have_is_to_be_told_apart(site: Site, images: int, vrabec: Vrabec) -> None:
    pool(Host.objects.create(name="kvm2", uri="test:///default"), "images")
    refused = vrabec("pool", "volumes", "images")
    assert "kvm1, kvm2" in refused.err
    assert "web.qcow2" in vrabec("pool", "volumes", "images", "--host", "kvm1").out
    assert Pool.objects.count() == 2
