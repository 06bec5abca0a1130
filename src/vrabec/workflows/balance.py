"""How a cluster is balanced by the clock: one move after the other. May it? services/balance_clock.py.

The job touches no host: each move is a job of its own, and this one comes back when it has ended. What a
killed controller had queued is found as its children.
"""

from __future__ import annotations

from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.models.clusters import Cluster
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Vm
from vrabec.services.balance import Proposed
from vrabec.services.balance_clock import KIND, comes_first, next_move
from vrabec.services.maintenance import REFUSED, move_child

REST_SECONDS = 5.0
"""A net: the end of a move wakes the job that queued it."""


def register_balance() -> None:
    """Tell the engine the job that balances a cluster."""
    register(KIND, Plan("Balance the cluster", fixed(*BALANCE)), BALANCE)


def _balance(run: Run) -> None:
    """Make the next move, if there is one, and come back when it has ended."""
    if Job.objects.active().filter(parent=run.job).exists():
        run.come_back(REST_SECONDS)
    cluster = Cluster.objects.filter(pk=run.args["cluster"]).first()
    first = comes_first(cluster, run=run.job) if cluster else None
    if first:
        run.log("The rest waits until the next time. %(why)s", why=first[0] % first[1])
    elif cluster and (move := next_move(run.job, cluster)):
        _move(run, move)
        run.come_back(REST_SECONDS)
    _say_what_came_of_it(run)


def _move(run: Run, move: Proposed) -> None:
    """Queue it; what has changed since it was proposed is asked for the next one."""
    vm = Vm.objects.select_related("host", "project").get(pk=move.vm_id)
    try:
        move_child(run.job, vm, move.target, cover_yields=False)
        run.log("%(name)s moves to %(host)s.", name=vm.name, host=move.target)
    except REFUSED as error:
        run.remember(refused=[*run.args["refused"], vm.pk])
        run.log("%(name)s: %(why)s", name=vm.name, why=error.message)


def _say_what_came_of_it(run: Run) -> None:
    tried = run.job.children.count() + len(run.args["refused"])
    moved = run.job.children.filter(state=JobState.DONE).count()
    run.log("%(moved)s of %(tried)s moves were made.", moved=moved, tried=tried)


BALANCE = {"cluster.balance": Step("Make the moves that matter most, one by one", _balance)}
