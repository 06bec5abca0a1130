"""Hosts: added and removed by administrators. Adding one changes nothing on it but our pool."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet, Sum

from vrabec.lib import ssh
from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.changes import changed
from vrabec.models.clusters import Cluster
from vrabec.models.grants import granted
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job
from vrabec.models.pools import Pool
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.host_looks import check_uri, confirmed_key
from vrabec.services.permissions import is_for_projects, may, require, require_somewhere
from vrabec.services.placement import take_lock
from vrabec.services.queue import queue_host_job
from vrabec.services.record import record

MAINTENANCE = "maintenance"
STATES = (*HostState.values, MAINTENANCE)


def list_hosts(actor: Actor, *, state: str = "") -> QuerySet[Host]:
    """The hosts that `actor` sees by name, each with `vm_count` and `promised_mib`: one query.

    `state` is one of STATES, or "". Raises Invalid, Forbidden.
    """
    require_somewhere(actor, "host.list")
    if state and state not in STATES:
        raise Invalid("Choose one of: %(known)s.", field="state", known=", ".join(STATES))
    present = Q(vms__deleted_at=None)
    on = present & (Q(vms__wished=Wished.ON) | Q(vms__seen__in=(Seen.RUNNING, Seen.PAUSED)))
    counted = hosts_with(actor, "host.list").annotate(
        vm_count=Count("vms", filter=present), promised_mib=Sum("vms__memory_mib", filter=on, default=0)
    )
    return _in_state(counted, state).select_related("cluster").order_by("name")


def hosts_with(actor: Actor, verb: str) -> QuerySet[Host]:
    """The hosts that the actor may do `verb` to: all, or those of the clusters that somebody looks after."""
    if may(actor, verb):
        return Host.objects.present()
    if is_for_projects(actor):
        return Host.objects.none()
    return Host.objects.present().filter(cluster__in=granted(actor, verb, "cluster"))


def _in_state(hosts: QuerySet[Host], state: str) -> QuerySet[Host]:
    """Those in one state; a host in maintenance may answer or not."""
    if state == MAINTENANCE:
        return hosts.exclude(maintenance_since=None)
    return hosts.filter(state=state, maintenance_since=None) if state else hosts


def get_host(actor: Actor, *, host_id: int) -> Host:
    """The host of this id. Raises NotFound, Forbidden."""
    host = list_hosts(actor).filter(pk=host_id).first()
    if host is None:
        raise NotFound("There is no host with this id.")
    return host


def hosts_named(names: Iterable[str]) -> list[Host]:
    """The hosts of these names. Raises Invalid naming the first that is not there."""
    wanted = sorted({name for name in names if name})
    if not wanted:
        return []
    known = {host.name: host for host in Host.objects.present().filter(name__in=wanted)}
    for name in wanted:
        if name not in known:
            raise Invalid("There is no host named %(name)s.", field="hosts", name=name[:64])
    return [known[name] for name in wanted]


def add_host(actor: Actor, *, name: str, uri: str, fingerprint: str = "", cluster: str = "") -> Job:
    """Add a host and queue looking at it: what it has, and whether KVM works there. `cluster` "": the first.

    By ssh `fingerprint` is that of the key which a look at the host has shown, and a person has confirmed.
    Raises Invalid, Conflict, Forbidden.
    """
    require(actor, "host.add")
    check_label(name)
    check_uri(uri)
    key = confirmed_key(uri, fingerprint) if ssh.is_ssh(uri) else ""
    try:
        with transaction.atomic():
            in_it = locked_cluster(cluster) if cluster else None
            host = Host.objects.create(name=name, uri=uri, host_key=key, cluster_id=in_it)
            job = queue_host_job(actor, "host.probe", host)
            record(actor, "host.add", of=host, job=job, uri=uri, fingerprint=host.fingerprint)
            changed("host", host.pk)
    except IntegrityError as error:
        raise Conflict("A host named %(name)s exists already.", name=name, field="name") from error
    return job


def change_host(actor: Actor, *, host: Host, cluster: str) -> Host:
    """Put a host into another cluster; what runs on it goes on running. Raises Invalid, Forbidden."""
    require(actor, "host.change", host)
    with transaction.atomic():
        row = Host.objects.filter(pk=host.pk)
        before = row.values_list("cluster__name", flat=True).first()
        row.update(cluster_id=locked_cluster(cluster))
        record(actor, "host.change", of=host, before=before, cluster=cluster)
        changed("host", host.pk)
    return get_host(actor, host_id=host.pk)


def locked_cluster(name: str) -> int:
    """The id of a cluster that nobody removes until the transaction ends. Raises Invalid."""
    found = Cluster.objects.select_for_update().filter(name=name[:64]).first()
    if found is None:
        raise Invalid("There is no cluster named %(name)s.", field="cluster", name=name[:64])
    return found.pk


def confirm_host(actor: Actor, *, host: Host, fingerprint: str) -> Host:
    """Trust the key that a look at the host has shown, in place of the one before.

    Raises Invalid where the host is not reached by ssh, Conflict, Forbidden.
    """
    require(actor, "host.confirm", host)
    if not ssh.is_ssh(host.uri):
        raise Invalid("%(name)s is not reached by ssh: it has no key to confirm.", name=host.name)
    key = confirmed_key(host.uri, fingerprint)
    with transaction.atomic():
        Host.objects.filter(pk=host.pk).update(host_key=key)
        record(actor, "host.confirm", of=host, before=host.fingerprint, fingerprint=ssh.fingerprint(key))
        changed("host", host.pk)
    host.host_key = key
    return host


def remove_host(actor: Actor, *, host: Host) -> None:
    """Forget a host; everything on it goes on running. Raises Conflict while machines of ours are there."""
    require(actor, "host.remove", host)
    with transaction.atomic():
        take_lock()
        ours = Vm.objects.present().filter(host=host, is_managed=True).count()
        if ours:
            raise Conflict(
                "%(name)s holds %(count)s machines of Vrabec; delete them first.", name=host.name, count=ours
            )
        moves = Job.objects.active().filter(Q(host=host) | Q(args__target=host.pk), kind="vm.migrate")
        if move := moves.first():
            raise Conflict(
                "%(vm)s moves from or to %(name)s: job %(job_id)s. Wait for it or cancel it.",
                vm=move.subject_name,
                name=host.name,
                job_id=move.pk,
            )
        Vm.objects.present().filter(host=host).update(deleted_at=now(), is_lost=True)
        Pool.objects.filter(host=host).delete()
        Host.objects.filter(pk=host.pk).update(removed_at=now())
        record(actor, "host.remove", of=host)
        changed("host", host.pk)
