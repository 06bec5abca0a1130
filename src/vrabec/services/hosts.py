"""Hosts: added and removed by administrators. Adding one changes nothing on it but our pool."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet, Sum

from vrabec.lib import ssh
from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NotFound
from vrabec.lib.names import check_label
from vrabec.models.changes import changed
from vrabec.models.hosts import Host
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.host_looks import check_uri, confirmed_key
from vrabec.services.permissions import require
from vrabec.services.queue import queue_host_job
from vrabec.services.record import record


def list_hosts(actor: Actor) -> QuerySet[Host]:
    """All hosts by name, each with `vm_count` and `promised_mib`: one query."""
    require(actor, "host.list")
    present = Q(vms__deleted_at=None)
    on = present & (Q(vms__wished=Wished.ON) | Q(vms__seen__in=(Seen.RUNNING, Seen.PAUSED)))
    counted = Host.objects.present().annotate(
        vm_count=Count("vms", filter=present), promised_mib=Sum("vms__memory_mib", filter=on, default=0)
    )
    return counted.order_by("name")


def get_host(actor: Actor, *, host_id: int) -> Host:
    """The host of this id. Raises NotFound, Forbidden."""
    host = list_hosts(actor).filter(pk=host_id).first()
    if host is None:
        raise NotFound("There is no host with this id.")
    return host


def list_networks(actor: Actor) -> list[str]:
    """Names of the networks that machines can be put on."""
    require(actor, "network.list")
    lists = Host.objects.present().values_list("networks", flat=True)
    return sorted({name for names in lists for name in names})


def add_host(actor: Actor, *, name: str, uri: str, fingerprint: str = "") -> Job:
    """Add a host and queue looking at it: what it has, and whether KVM works there.

    By ssh `fingerprint` is that of the key which a look at the host has shown, and a person has confirmed.
    Raises Invalid, Conflict, Forbidden.
    """
    require(actor, "host.add")
    check_label(name)
    check_uri(uri)
    key = confirmed_key(uri, fingerprint) if ssh.is_ssh(uri) else ""
    try:
        with transaction.atomic():
            host = Host.objects.create(name=name, uri=uri, host_key=key)
            job = queue_host_job(actor, "host.probe", host)
            record(actor, "host.add", of=host, job=job, uri=uri, fingerprint=host.fingerprint)
            changed("host", host.pk)
    except IntegrityError as error:
        raise Conflict("A host named %(name)s exists already.", name=name, field="name") from error
    return job


def confirm_host(actor: Actor, *, host: Host, fingerprint: str) -> Host:
    """Trust the key that a look at the host has shown, in place of the one before.

    Raises Invalid where the host is not reached by ssh, Conflict, Forbidden.
    """
    require(actor, "host.confirm")
    if not ssh.is_ssh(host.uri):
        raise Invalid("%(name)s is not reached by ssh: it has no key to confirm.", name=host.name)
    key = confirmed_key(host.uri, fingerprint)
    with transaction.atomic():
        Host.objects.filter(pk=host.pk).update(host_key=key)
        record(actor, "host.confirm", of=host, fingerprint=ssh.fingerprint(key))
        changed("host", host.pk)
    host.host_key = key
    return host


def remove_host(actor: Actor, *, host: Host) -> None:
    """Forget a host; everything on it goes on running. Raises Conflict while machines of ours are there."""
    require(actor, "host.remove")
    with transaction.atomic():
        ours = Vm.objects.present().filter(host=host, is_managed=True).count()
        if ours:
            raise Conflict(
                "%(name)s holds %(count)s machines of Vrabec; delete them first.", name=host.name, count=ours
            )
        Vm.objects.present().filter(host=host).update(deleted_at=now())
        Host.objects.filter(pk=host.pk).update(removed_at=now())
        record(actor, "host.remove", of=host)
        changed("host", host.pk)
