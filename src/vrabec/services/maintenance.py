"""Hosts in maintenance: they take no machines, those that run there go elsewhere, and come back after it.

The host's state changes here, in one transaction with its job; the job moves machines, a few at a time, by
their own jobs (workflows/maintenance.py). Where each goes is found anew before each: no plan goes stale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, VrabecError, WrongState
from vrabec.models.changes import changed
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import ACTIVE, Job, JobQuerySet, JobState
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.evacuation import Outlook, Tried, outlook_of
from vrabec.services.jobs import ask_to_stop
from vrabec.services.permissions import require
from vrabec.services.placement import take_lock
from vrabec.services.queue import queue_host_job
from vrabec.services.record import record
from vrabec.services.vm_migrate import migrate_vm
from vrabec.services.vms import shutdown_vm, start_vm

MAINTAIN, RESUME = "host.maintain", "host.resume"
LEAVE, SHUTDOWN = RESTS = ("leave", "shutdown")
"""What becomes of machines that cannot move: they run on, or are asked to shut down."""
PER_HOST = 2
"""Moves from and to one host at once."""
PER_CLUSTER = 4
"""Moves at once in a cluster, whose hosts share a network."""
REFUSED = (Conflict, Invalid, NoCapacity, WrongState)
_ALL = 0


@dataclass(frozen=True)
class Return:
    """What ending a maintenance brings back: machines that it moved away, and those that it shut down."""

    moves: tuple[Vm, ...]
    starts: tuple[Vm, ...]


def plan_maintenance(actor: Actor, *, host: Host) -> Outlook:
    """How the host would be emptied now. Nothing is changed. Raises Forbidden."""
    require(actor, "host.maintain", host)
    return outlook_of(host, tried=_tried_last(host))


def maintain_host(actor: Actor, *, host: Host, rest: str = LEAVE) -> Job:
    """Put a host into maintenance, and queue emptying it; again: empty it of what is left.

    `rest` says what becomes of machines that cannot move, one of RESTS. Raises Invalid, Conflict while such a
    job works on the host already, Forbidden.
    """
    require(actor, "host.maintain", host)
    if rest not in RESTS:
        raise Invalid("Choose one of: %(known)s.", field="rest", known=", ".join(RESTS))
    with transaction.atomic():
        take_lock()
        Host.objects.filter(pk=host.pk, maintenance_since=None).update(maintenance_since=now())
        job = queue_host_job(actor, MAINTAIN, host, rest=rest)
        record(actor, MAINTAIN, of=host, job=job, rest=rest)
        _tell(host)
    return job


def what_returns(actor: Actor, *, host: Host) -> Return:
    """What ending the host's maintenance would bring back now. Raises Forbidden."""
    require(actor, "host.resume", host)
    if host.maintenance_since is None:
        return Return((), ())
    done = Job.objects.filter(parent__kind=MAINTAIN, parent__host=host, state=JobState.DONE)
    done = done.filter(parent__created_at__gte=host.maintenance_since).order_by("pk")
    last = {vm_id or 0: (kind, args) for vm_id, kind, args in done.values_list("vm_id", "kind", "args")}
    vms = (
        Vm.objects.present()
        .filter(pk__in=last)
        .select_related("host", "project")
        .order_by("-memory_mib", "pk")
    )
    there = [vm for vm in vms if _is_as_left(vm, host, *last[vm.pk])]
    down = Vm.objects.present().filter(
        host=host, is_managed=True, wished=Wished.ON, seen__in=(Seen.OFF, Seen.CRASHED)
    )
    starts = {
        vm.pk: vm for vm in [*(vm for vm in there if vm.host_id == host.pk), *down.select_related("host")]
    }
    return Return(tuple(vm for vm in there if vm.host_id != host.pk), tuple(starts.values()))


def _is_as_left(vm: Vm, host: Host, kind: str, args: Mapping[str, Any]) -> bool:
    """Whether it is as the maintenance left it: what somebody did with it since stays."""
    if kind == "vm.migrate":
        return vm.host_id == args["target"] != host.pk and vm.seen == Seen.RUNNING
    return vm.host_id == host.pk and vm.seen == Seen.OFF and vm.wished == Wished.OFF


def resume_host(actor: Actor, *, host: Host, bring_back: bool = True) -> Job:
    """Let a host take machines again, and queue bringing back those that its maintenance moved or shut down.

    Raises WrongState when it is in none, or does not answer and is to get machines back, Conflict while it is
    being emptied, Forbidden.
    """
    require(actor, "host.resume", host)
    with transaction.atomic():
        take_lock()
        host = Host.objects.get(pk=host.pk)
        if host.maintenance_since is None:
            raise WrongState("%(name)s is not in maintenance.", name=host.name)
        found = what_returns(actor, host=host) if bring_back else Return((), ())
        if host.state != HostState.ONLINE and (found.moves or found.starts):
            raise WrongState("%(name)s does not answer: wait until it does.", name=host.name)
        Host.objects.filter(pk=host.pk).update(maintenance_since=None)
        ids = {"moves": [vm.pk for vm in found.moves], "starts": [vm.pk for vm in found.starts]}
        job = queue_host_job(actor, RESUME, host, **ids)
        record(actor, RESUME, of=host, job=job, back=len(found.moves) + len(found.starts))
        _tell(host)
    return job


def _tell(host: Host) -> None:
    Host.objects.filter(pk=host.pk).update(version=F("version") + 1)
    changed("host", host.pk)


# --- what the jobs do, a few machines at a time


def tried_of(job: Job) -> dict[int, Tried]:
    """What a job has tried, and not done, by machine: moves that were refused, that failed, or go on.

    One that goes on may have failed when the plan is made, a moment later.
    """
    tried = {
        int(pk): Tried(tuple(hosts), (words, params)) for pk, (hosts, words, params) in _refused(job).items()
    }
    for child in children_of(job, "vm.migrate").exclude(state=JobState.DONE):
        before = tried.get(child.vm_id or 0)
        hosts = (*(before.hosts if before else ()), child.args["target"])
        # One that somebody cancelled, or that is stuck, is not tried again.
        why, is_over = (
            (child.error_template, child.error_params),
            child.state not in (*ACTIVE, JobState.FAILED),
        )
        tried[child.vm_id or 0] = Tried(hosts, why, is_over)
    return tried


def _refused(job: Job) -> dict[str, Any]:
    return dict(job.args.get("refused", {}))


def with_refusal(job: Job, vm_id: int, target: int, error: VrabecError) -> dict[str, Any]:
    """What a job keeps of a move that was refused before it began: what was known has changed."""
    hosts = _refused(job).get(str(vm_id), [[]])[0]
    params = {key: str(value) for key, value in error.params.items()}
    return {**_refused(job), str(vm_id): [[*hosts, target], error.template, params]}


def _tried_last(host: Host) -> dict[int, Tried]:
    """What the maintenance that goes on has tried."""
    if host.maintenance_since is None:
        return {}
    jobs = Job.objects.filter(kind=MAINTAIN, host=host, created_at__gte=host.maintenance_since)
    last = jobs.order_by("-pk").first()
    return tried_of(last) if last else {}


class Lines:
    """How many moves may still begin: from or to each host, and in its cluster."""

    def __init__(self, host: Host) -> None:
        self._busy: Counter[int] = Counter()
        in_cluster = set(Host.objects.filter(cluster=host.cluster_id).values_list("pk", flat=True))
        for args in Job.objects.active().filter(kind="vm.migrate").values_list("args", flat=True):
            if in_cluster & {args["source"], args["target"]}:
                self.take(args["source"], args["target"])

    def take(self, source: int, target: int) -> None:
        """One more move."""
        self._busy.update((source, target, _ALL))

    def are_free(self, source: int, target: int) -> bool:
        """Whether one more may begin."""
        at_both = max(self._busy[source], self._busy[target])
        return at_both < PER_HOST and self._busy[_ALL] < PER_CLUSTER


def move_child(parent: Job, vm: Vm, to: str, *, cover_yields: bool) -> Job:
    """Queue one move as a part of `parent`. Raises what migrate_vm does."""
    with transaction.atomic():
        return _adopted(parent, migrate_vm(_asker(parent), vm=vm, to=to, cover_yields=cover_yields))


def power_child(parent: Job, vm: Vm, *, on: bool) -> Job:
    """Queue starting a machine, or asking it to shut down, as a part of `parent`. Raises what these do."""
    with transaction.atomic():
        act = start_vm if on else shutdown_vm
        return _adopted(parent, act(_asker(parent), vm=vm))


def stop_children(parent: Job) -> bool:
    """Stop what still can be stopped of a job's parts; whether any goes on."""
    active = Job.objects.active().filter(parent=parent)
    ask_to_stop(active)
    return active.exists()


def _asker(job: Job) -> Actor:
    """Who asked for the job: they were allowed to when they did, as with every job."""
    return Actor(job.created_by_id or 0, job.created_by_name, is_administrator=True)


def _adopted(parent: Job, child: Job) -> Job:
    Job.objects.filter(pk=child.pk).update(parent=parent)
    return child


def children_of(parent: Job, *kinds: str) -> JobQuerySet:
    """The jobs of these kinds that are its parts, oldest first."""
    return Job.objects.filter(parent=parent, kind__in=kinds).order_by("pk")
