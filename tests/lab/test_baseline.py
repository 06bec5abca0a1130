"""Hosts of two Debians have a CPU in common: libvirt computes it, and a guest with it starts on both."""

from collections.abc import Iterator

import pytest

from tests.lab.fixtures import lab_host, other_lab_host
from tests.lab.guests import diskless
from tests.lab.host import LabHost
from tests.service.made_up import until
from vrabec.hypervisor import connection, domains, lifecycle
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.needs import require_cpu
from vrabec.hypervisor.xml import cpu_element, to_text
from vrabec.inventory.fleet import Fleet
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host, HostState
from vrabec.services.baselines import common_of, due

__all__ = ["lab_host", "other_lab_host"]
pytestmark = pytest.mark.lab


def runs(host: HostConnection, cpu: str) -> bool:
    """Whether a guest with this CPU runs there, and may come there from elsewhere."""
    lifecycle.define(host, diskless("common", network="").replace("<devices>", f"{cpu}<devices>"))
    uuid = next(found.uuid for found in domains.all_facts(host) if found.name == "common")
    try:
        lifecycle.start(host, uuid)
        found = domains.facts(host, uuid)
        assert found
        require_cpu(host, found.xml)
        return found.needs.model != ""
    finally:
        lifecycle.destroy(host, uuid)
        lifecycle.undefine(host, uuid)


@pytest.fixture
def fleet(transactional_db: None) -> Iterator[Fleet]:
    """The inventory: it follows the table of hosts."""
    made = Fleet()
    made.start()
    yield made
    made.stop()


def is_computed() -> bool:
    """Whether both hosts were seen, and the baseline is theirs."""
    hosts = list(Host.objects.present().select_related("cluster"))
    return all(host.state == HostState.ONLINE for host in hosts) and not list(due(hosts))


def test_two_generations_have_a_cpu_in_common(
    fleet: Fleet, lab_host: LabHost, other_lab_host: LabHost
) -> None:
    for name, lab in (("one", lab_host), ("two", other_lab_host)):
        Host.objects.create(name=name, uri=lab.uri)
    until(is_computed)
    cluster = Cluster.objects.get()
    common = common_of([cluster])[cluster.pk]
    assert (common.why, common.baseline.model != "") == (None, True)
    old, new = sorted(Host.objects.all(), key=lambda host: float(host.libvirt_version[:-2]))
    assert old.offers["cpu"] != new.offers["cpu"]
    held = {one.host: set(one.features) for one in common.held}
    assert held[old.name].isdisjoint(common.baseline.features)
    assert held[old.name] <= set(new.offers["features"])
    cpu = to_text(cpu_element("kvm", common.baseline.xml))
    with connection.open_host(lab_host.uri) as one, connection.open_host(other_lab_host.uri) as two:
        assert [runs(host, cpu) for host in (one, two)] == [True, True]
