"""Queue a job: write its row in the service's transaction and poke the engine once that commits."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from vrabec.lib import wire
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict
from vrabec.models.changes import changed, engine_socket
from vrabec.models.hosts import Host
from vrabec.models.jobs import WORKS_ON_A_HOST, Job
from vrabec.models.templates import Template
from vrabec.models.vms import Vm


def queue_vm_job(actor: Actor, kind: str, vm: Vm, **args: Any) -> Job:
    """Queue `kind` for a machine. Raises Conflict naming the job that runs on it already."""
    job = Job(kind=kind, vm=vm, host=vm.host, project=vm.project, subject_name=vm.name, args=args)
    return queue(actor, job)


def queue_template_job(actor: Actor, kind: str, template: Template, **args: Any) -> Job:
    """Queue `kind` for a template. Raises Conflict naming the job that works on it already."""
    return queue(actor, Job(kind=kind, template=template, subject_name=template.name, args=args))


def queue_host_job(actor: Actor, kind: str, host: Host, **args: Any) -> Job:
    """Queue `kind` for a host. Raises Conflict naming the one that empties or fills it already."""
    return queue(actor, Job(kind=kind, host=host, subject_name=host.name, args=args))


def queue(actor: Actor, job: Job) -> Job:
    """Save `job` as queued, in the caller's transaction. Raises Conflict."""
    job.created_by_id = actor.user_id or None
    job.created_by_name = actor.name
    try:
        with transaction.atomic():
            job.save()
    except IntegrityError as error:
        raise _lost(job) from error
    announce_job(job)
    return job


def announce_job(job: Job) -> None:
    """After commit: poke the engine, and tell the pages of the job and its machine."""
    transaction.on_commit(lambda: wire.send(engine_socket(), b"job"))
    changed("job", job.pk)
    if job.vm_id:
        changed("vm", job.vm_id)


def _lost(job: Job) -> Conflict:
    same = Job.objects.active().filter(vm=job.vm, template=job.template)
    running = (same if job.vm or job.template else same.filter(WORKS_ON_A_HOST, host=job.host)).first()
    if running is None:
        return Conflict("Something else worked on %(name)s just now; try again.", name=job.subject_name)
    return in_the_way(job.subject_name, running)


def in_the_way(name: str, running: Job) -> Conflict:
    """What is said while `running` works on what somebody wants to work on."""
    return Conflict(
        "Another job works on %(name)s: job %(job_id)s, %(kind)s. Wait for it or cancel it.",
        name=name,
        job_id=running.pk,
        kind=running.kind,
    )
