"""How a host is looked at before it is added, and taken in: our pool, and whether KVM really works there."""

from __future__ import annotations

from django.conf import settings

from vrabec.hypervisor import connection, domains, facts, hostkey, probe, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.jobs.plans import Args, Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib import ssh
from vrabec.lib.errors import Unavailable
from vrabec.models.hosts import POOL, Host
from vrabec.services.facts import write_host
from vrabec.services.ways import uri_of, way


def register_hosts() -> None:
    """Tell the engine the kinds of jobs on hosts."""
    register("host.look", Plan("Look at a host", _look_plan), LOOK)
    register("host.probe", Plan("Look at the host", fixed(*PROBE)), PROBE)


def connect(run: Run, host: Host) -> HostConnection:
    """The run's own connection to `host`, opened once. Raises Unavailable naming the host."""
    try:
        return run.resource(f"host {host.pk}", lambda: connection.open_host(uri_of(host)))
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


def _look_plan(args: Args) -> tuple[str, ...]:
    return tuple(LOOK) if ssh.is_ssh(args["uri"]) else ("host.look.there",)


def _look_for_key(run: Run) -> None:
    key = hostkey.scan(ssh.address_of(run.args["uri"]))
    run.remember(host_key=key, fingerprint=ssh.fingerprint(key))


def _look_there(run: Run) -> None:
    """Also signs in, which gives nothing away: ssh signs with the key, and does not show it."""
    uri = way(run.args["uri"], run.args.get("host_key", ""))
    host = run.resource("host", lambda: connection.open_host(uri))
    found = facts.host_facts(host)
    machines = [machine.name for machine in domains.all_facts(host)]
    run.remember(
        found={
            "hostname": found.hostname,
            "arch": found.arch,
            "cpus": found.cpus,
            "memory_mib": found.memory_mib,
            "libvirt_version": found.libvirt_version,
            "machines": len(machines),
            "networks": list(found.networks),
        }
    )


def _host_of(run: Run) -> Host:
    return Host.objects.get(pk=run.job.host_id or 0)


LOOK = {
    "host.look.key": Step("Ask for its SSH key", _look_for_key),
    "host.look.there": Step("Look what is there", _look_there),
}
PROBE = {
    "host.pool": Step("Make our storage pool", _make_pool),
    "host.kvm": Step("Try KVM", _probe_kvm),
}
