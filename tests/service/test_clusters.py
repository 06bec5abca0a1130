"""Clusters: made, changed, filled and removed, by one person and by two at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from tests.cast import Site, site
from vrabec.lib.errors import Conflict, Forbidden, Invalid, VrabecError
from vrabec.models.audit import Audit
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.services.clusters import (
    ClusterWish,
    change_cluster,
    create_cluster,
    list_clusters,
    remove_cluster,
)
from vrabec.services.hosts import add_host, change_host, remove_host

__all__ = ["site"]
pytestmark = pytest.mark.django_db


def create(site: Site, **wish: Any) -> Cluster:
    return create_cluster(site.administrator.actor, wish=ClusterWish(**wish))


def test_the_first_host_makes_a_cluster_and_the_next_go_into_it(site: Site) -> None:
    add_host(site.administrator.actor, name="kvm2", uri="test:///default")
    [cluster] = list_clusters(site.administrator.actor)
    assert (cluster.name, cluster.host_count) == ("default", 2)


def test_a_cluster_is_made_with_what_is_given_and_recorded(site: Site) -> None:
    made = create(site, name="lab", memory_ratio=1.5, cover="refuse")
    assert (made.memory_ratio, made.cpu_ratio, made.cover) == (1.5, 16.0, "refuse")
    line = Audit.objects.get(action="cluster.create")
    assert (line.subject, line.detail) == ("lab", {"name": "lab", "memory_ratio": 1.5, "cover": "refuse"})


def test_what_is_not_given_stays(site: Site) -> None:
    made = create(site, name="lab", memory_ratio=1.5)
    changed = change_cluster(site.administrator.actor, cluster=made, wish=ClusterWish(cpu_ratio=4))
    assert (changed.name, changed.memory_ratio, changed.cpu_ratio) == ("lab", 1.5, 4)
    assert Audit.objects.get(action="cluster.change").detail == {
        "before": {"cpu_ratio": 16},
        "after": {"cpu_ratio": 4},
    }


def test_every_broken_limit_is_named_at_once(site: Site) -> None:
    with pytest.raises(Invalid) as refused:
        create(site, name="Not A Name", memory_ratio=0, cpu_ratio=float("nan"), cover="perhaps")
    assert [error.field for error in refused.value.errors] == ["name", "memory_ratio", "cpu_ratio", "cover"]


def test_a_name_is_given_once(site: Site) -> None:
    made = create(site, name="lab")
    for act in (
        lambda: create(site, name="lab"),
        lambda: change_cluster(site.administrator.actor, cluster=made, wish=ClusterWish(name="default")),
    ):
        with pytest.raises(Conflict, match="exists already"):
            act()


def test_a_cluster_with_hosts_stays_and_an_empty_one_goes(site: Site) -> None:
    made = create(site, name="lab")
    change_host(site.administrator.actor, host=site.host, cluster="lab")
    assert Audit.objects.get(action="host.change").detail == {"before": "default", "cluster": "lab"}
    with pytest.raises(Conflict, match="lab has 1 hosts"):
        remove_cluster(site.administrator.actor, cluster=made)
    change_host(site.administrator.actor, host=site.host, cluster="default")
    remove_cluster(site.administrator.actor, cluster=made)
    assert not Cluster.objects.filter(name="lab").exists()
    assert Audit.objects.get(action="cluster.remove").subject == "lab"


def test_a_cluster_goes_though_a_removed_host_was_in_it(site: Site) -> None:
    made = create(site, name="lab")
    add_host(site.administrator.actor, name="kvm2", uri="test:///default", cluster="lab")
    host = Host.objects.get(name="kvm2")
    remove_host(site.administrator.actor, host=host)
    remove_cluster(site.administrator.actor, cluster=made)
    host.refresh_from_db()
    assert host.cluster is None


def test_a_host_goes_into_a_cluster_that_is_there(site: Site) -> None:
    for act in (
        lambda: change_host(site.administrator.actor, host=site.host, cluster="lab"),
        lambda: add_host(site.administrator.actor, name="kvm2", uri="test:///default", cluster="lab"),
    ):
        with pytest.raises(Invalid, match="no cluster named lab"):
            act()
    assert Host.objects.count() == 1


def test_clusters_are_for_administrators(site: Site) -> None:
    with pytest.raises(Forbidden):
        create_cluster(site.owner.actor, wish=ClusterWish(name="lab"))
    with pytest.raises(Forbidden):
        change_host(site.owner.actor, host=site.host, cluster="default")


@pytest.mark.django_db(transaction=True)
def test_of_who_fills_a_cluster_and_who_removes_it_one_is_refused(site: Site) -> None:
    made, barrier = create(site, name="lab"), Barrier(2)

    def do(remove: bool) -> VrabecError | None:
        try:
            barrier.wait()
            if remove:
                remove_cluster(site.administrator.actor, cluster=made)
            else:
                change_host(site.administrator.actor, host=site.host, cluster="lab")
        except VrabecError as error:
            return error
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(do, [True, False]))
    assert len([answer for answer in answers if answer]) == 1
    site.host.refresh_from_db()
    assert site.host.cluster, "a host is always in one"
