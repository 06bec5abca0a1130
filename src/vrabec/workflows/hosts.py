"""How a host is taken in: our pool, and whether KVM really works there."""

from __future__ import annotations

from django.conf import settings

from vrabec.hypervisor import connection, facts, probe, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import Unavailable
from vrabec.models.hosts import POOL, Host
from vrabec.services.facts import write_host


def register_hosts() -> None:
    """Tell the engine the kinds of jobs on hosts."""
    register("host.probe", Plan("Look at the host", fixed(*PROBE)), PROBE)


def connect(run: Run, host: Host) -> HostConnection:
    """The run's own connection to `host`, opened once. Raises Unavailable naming the host."""
    try:
        return run.resource(f"host {host.pk}", lambda: connection.open_host(host.uri))
    except Unavailable as error:
        raise Unavailable(
            "%(host)s does not answer. %(why)s", host=host.name, why=error.message, raw=error.raw
        ) from error


def _make_pool(run: Run) -> None:
    host = _host_of(run)
    pool = storage.ensure_pool(connect(run, host), POOL, settings.VRABEC_IMAGES_DIR)
    write_host(host.pk, pool_free_mib=pool.available_mib, pool_total_mib=pool.capacity_mib)


def _probe_kvm(run: Run) -> None:
    host = _host_of(run)
    types = facts.host_facts(connect(run, host)).domain_types
    if not {"kvm", "qemu"} & set(types):
        write_host(host.pk, domain_type=types[0] if types else "")
        return
    works, why = probe.probe_kvm(connect(run, host))
    run.log("KVM works here." if works else "Guests will be emulated, which is slow: %(why)s", why=why)
    write_host(host.pk, domain_type="kvm" if works else "qemu")


def _host_of(run: Run) -> Host:
    return Host.objects.get(pk=run.job.host_id or 0)


PROBE = {
    "host.pool": Step("Make our storage pool", _make_pool),
    "host.kvm": Step("Try KVM", _probe_kvm),
}
