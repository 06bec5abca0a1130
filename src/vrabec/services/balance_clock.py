"""Balance by the clock: when a run begins, what it does next, and what comes before it.

A run is a job (workflows/balance.py) that makes one move at a time, each proposed anew when the one before
has ended: none is made of what was true before. People come first: while a machine of the cluster moves for
somebody, or a host is in maintenance, no run begins, and one that goes on ends.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from vrabec.lib.actor import SYSTEM
from vrabec.lib.clock import now
from vrabec.lib.fit import Why
from vrabec.models.clusters import Cluster
from vrabec.models.hosts import Host
from vrabec.models.jobs import WORKS_ON_A_HOST, Job
from vrabec.services.balance import Proposed, propose
from vrabec.services.queue import queue
from vrabec.services.record import record

KIND = "cluster.balance"


def queue_due_balances() -> int:
    """Queue a run for each cluster whose time has come, unless something comes first; how many."""
    clusters = Cluster.objects.filter(balance_hours__gt=0)
    return sum(_queue_run(cluster) for cluster in clusters if _is_due(cluster) and not comes_first(cluster))


def _is_due(cluster: Cluster) -> bool:
    last = cluster.balanced_at
    return last is None or now() - last >= timedelta(hours=cluster.balance_hours)


def _queue_run(cluster: Cluster) -> bool:
    """The row says when: whoever writes it first queues the job, also after a crash."""
    most = cluster.balance_moves
    with transaction.atomic():
        mine = Cluster.objects.filter(pk=cluster.pk, balanced_at=cluster.balanced_at)
        if not mine.update(balanced_at=now()):
            return False
        args = {"cluster": cluster.pk, "most": most, "refused": []}
        job = queue(SYSTEM, Job(kind=KIND, subject_name=cluster.name, args=args))
        record(SYSTEM, "cluster.balance_due", of=cluster, job=job, most=most)
    return True


def comes_first(cluster: Cluster, *, run: Job | None = None) -> Why | None:
    """What keeps a run from its cluster: a host in maintenance, a move or a run that is not its own."""
    hosts = Host.objects.present().filter(cluster=cluster)
    kept = hosts.exclude(maintenance_since=None).order_by("name").first()
    if kept:
        return "%(host)s is in maintenance.", {"host": kept.name}
    ids, own = set(hosts.values_list("pk", flat=True)), run.pk if run else 0
    others = Job.objects.active().exclude(pk=own).exclude(parent=own)
    for job in others.filter(WORKS_ON_A_HOST | Q(kind__in=("vm.migrate", KIND))).order_by("pk"):
        if job.args.get("cluster") == cluster.pk or ids & {job.host_id, job.args.get("target")}:
            return "Job %(job_id)s, %(kind)s, moves machines here.", {"job_id": job.pk, "kind": job.kind}
    return None


def next_move(run: Job, cluster: Cluster) -> Proposed | None:
    """The move that matters most now. A machine is tried once a run, whatever becomes of its move."""
    tried = {*run.children.values_list("vm_id", flat=True), *run.args["refused"]}
    left = run.args["most"] - len(tried)
    if left < 1:
        return None
    found = propose(SYSTEM, cluster=cluster, most=left, stay=tried)
    return next(iter(found.moves), None)
