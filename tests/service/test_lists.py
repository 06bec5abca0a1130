"""Lists of machines: what finds a page of thousands."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, site
from vrabec.lib.errors import Invalid
from vrabec.models.hosts import Host, HostState
from vrabec.services.lists import VmQuery, list_vms

__all__ = ["site"]

ASKED = {
    "all": VmQuery(),
    "by name": VmQuery(sort="name"),
    "of a host": VmQuery(host="kvm1", state="off"),
    "of a project": VmQuery(project="alpha", sort="name"),
    "in a state": VmQuery(state="running"),
    "found": VmQuery(search="we", sort="name"),
}


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL chooses by its statistics")
@pytest.mark.parametrize(
    ("who", "asked"),
    [("administrator", asked) for asked in ASKED]
    + [("owner", asked) for asked in ASKED if asked != "of a host"],
)
def test_an_index_alone_counts_and_finds_a_page(site: Site, who: str, asked: str) -> None:
    actor = getattr(site, who).actor
    with CaptureQueriesContext(connection) as made:
        list_vms(actor, ASKED[asked])
    count, page, *_ = (query["sql"] for query in made)
    assert "LIMIT 50" in page
    for sql in (count, page[: page.rindex(" ORDER BY ")]):
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [row[3] for row in cursor.fetchall()]
        [found] = [step for step in steps if "INDEX vm_" in step]
        assert " COVERING " in found, steps


def test_a_state_is_asked_of_machines_with_and_without_a_host(site: Site) -> None:
    silent = Host.objects.create(name="kvm2", uri="test:///default", state=HostState.UNREACHABLE)
    site.make_vm("lost", host=silent)
    site.make_vm("waiting", host=None)
    found = {
        state: [vm.name for vm in list_vms(site.administrator.actor, VmQuery(state=state, sort="name")).rows]
        for state in ("off", "unknown")
    }
    assert found == {"off": ["waiting", "web"], "unknown": ["lost"]}
    assert [vm.name for vm in list_vms(site.administrator.actor, VmQuery(host="kvm2")).rows] == ["lost"]


@pytest.mark.parametrize("host", ["kvm1", "none"])
def test_who_may_not_see_hosts_is_not_told_by_a_filter_where_machines_are(site: Site, host: str) -> None:
    for person in (site.owner, site.stranger):
        with pytest.raises(Invalid) as error:
            list_vms(person.actor, VmQuery(host=host))
        assert (error.value.field, str(error.value)) == (
            "host",
            "Only who may see hosts lists machines by their host.",
        )
