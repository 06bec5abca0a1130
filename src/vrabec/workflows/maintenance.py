"""How a host is emptied for maintenance, and filled again. May it? services/maintenance.py.

These jobs touch no host: they queue moves, which are jobs of their own, a few at once, and come back when one
has ended. In between they hold no thread, or a few of them would keep their own moves from running. Where a
machine goes is planned anew each time; what a killed controller had queued is found as children of the job.
"""

from __future__ import annotations

from vrabec.jobs.plans import Plan, Step, fixed, register
from vrabec.jobs.run import Run
from vrabec.lib.errors import Unavailable, VrabecError, WrongState
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import ACTIVE, Job, JobState
from vrabec.models.vms import Seen, Vm
from vrabec.services.evacuation import Going, Outlook, outlook_of
from vrabec.services.fleets import ON
from vrabec.services.maintenance import (
    REFUSED,
    SHUTDOWN,
    Lines,
    children_of,
    move_child,
    power_child,
    stop_children,
    tried_of,
    with_refusal,
)

REST_SECONDS = 5.0
"""A net: the end of a move wakes the job that queued it."""
MOST_SILENT = 24
"""So many rests a host may be silent before the job gives up."""


def register_maintenance() -> None:
    """Tell the engine the jobs that empty hosts and fill them again."""
    register("host.maintain", Plan("Empty the host", fixed(*EMPTY)), EMPTY)
    register("host.resume", Plan("Fill the host again", fixed(*FILL)), FILL)


def _host_of(run: Run) -> Host:
    return Host.objects.get(pk=run.job.host_id or 0)


def _begin(run: Run) -> None:
    """A job that is retried knows nothing of what the one before it tried."""
    run.remember(refused={}, silent=0)


def _begin_to_empty(run: Run) -> None:
    """A retried one may find that its maintenance is over."""
    host = _host_of(run)
    if host.maintenance_since is None:
        raise WrongState("%(name)s is not in maintenance.", name=host.name)
    _begin(run)


# --- away


def _move_away(run: Run) -> None:
    host = _host_of(run)
    _require_answer(run, host)
    found = outlook_of(host, tried=tried_of(run.job))
    lines = Lines(host)
    for move in found.moves:
        if lines.are_free(host.pk, move.to_id):
            lines.take(host.pk, move.to_id)
            _move(run, move)
    _say_how_far(run, len(found.moves))
    if found.moves or _works(run) or any(one.waits for one in found.stays):
        run.come_back(REST_SECONDS)


def _require_answer(run: Run, host: Host) -> None:
    """Wait for a host that is silent for a moment: nothing can move from it. Raises Unavailable, LostJob."""
    if host.state == HostState.ONLINE:
        return
    silent = run.args["silent"] + 1
    if silent > MOST_SILENT:
        raise Unavailable("%(host)s does not answer. Go on when it does.", host=host.name)
    run.remember(silent=silent)
    run.come_back(REST_SECONDS)


def _move(run: Run, move: Going) -> None:
    """Queue one; what has changed since it was planned is planned with the next time."""
    vm = Vm.objects.select_related("host", "project").get(pk=move.vm_id)
    try:
        move_child(run.job, vm, move.to, cover_yields=True)
    except REFUSED as error:
        run.remember(refused=with_refusal(run.job, vm.pk, move.to_id, error))


def _say_how_far(run: Run, left: int) -> None:
    children = children_of(run.job, "vm.migrate")
    moved, going = children.filter(state=JobState.DONE).count(), children.filter(state__in=ACTIVE).count()
    run.progress(100 * moved / max(1, moved + going + left))


def _works(run: Run) -> bool:
    return Job.objects.active().filter(parent=run.job).exists()


def _settle_rest(run: Run) -> None:
    """Those that cannot move are asked to shut down, if that was wished; then it is said what runs on."""
    host = _host_of(run)
    if run.args["rest"] == SHUTDOWN:
        asked = children_of(run.job, "vm.shutdown").values_list("vm_id", flat=True)
        for vm in Vm.objects.present().filter(host=host, seen=Seen.RUNNING).exclude(pk__in=asked):
            _power(run, vm, on=False)
        if _works(run):
            run.come_back(REST_SECONDS)
    _say_what_stays(run, host, outlook_of(host, tried=tried_of(run.job)))


def _power(run: Run, vm: Vm, *, on: bool) -> None:
    try:
        power_child(run.job, vm, on=on)
    except REFUSED as error:
        _log_refusal(run, vm, error)


def _log_refusal(run: Run, vm: Vm, error: VrabecError) -> None:
    run.log("%(name)s: %(why)s", name=vm.name, why=error.message)


def _say_what_stays(run: Run, host: Host, found: Outlook) -> None:
    whys = {one.vm_id: one.message for one in found.stays}
    left = Vm.objects.present().filter(host=host, seen__in=ON).order_by("name")
    for vm in left:
        run.log("%(name)s runs on. %(why)s", name=vm.name, why=whys.get(vm.pk, ""))
    if not left:
        run.log("No machine runs on %(host)s any more.", host=host.name)


# --- back


def _bring_back(run: Run) -> None:
    host = _host_of(run)
    _require_answer(run, host)
    lines, waiting = Lines(host), 0
    known = set(children_of(run.job, "vm.migrate").values_list("vm_id", flat=True))
    known |= {int(pk) for pk in run.args["refused"]}
    away = Vm.objects.present().filter(pk__in=run.args["moves"], seen=Seen.RUNNING)
    for vm in away.exclude(pk__in=known).exclude(host=host).order_by("-memory_mib", "pk"):
        if lines.are_free(vm.host_id or 0, host.pk):
            lines.take(vm.host_id or 0, host.pk)
            _move(run, Going(vm.pk, vm.name, host.pk, host.name, vm.memory_mib))
        else:
            waiting += 1
    _say_how_far(run, waiting)
    if waiting or _works(run):
        run.come_back(REST_SECONDS)


def _start_again(run: Run) -> None:
    asked = children_of(run.job, "vm.start").values_list("vm_id", flat=True)
    for vm in Vm.objects.present().filter(pk__in=run.args["starts"], seen__in=_DOWN).exclude(pk__in=asked):
        _power(run, vm, on=True)
    if _works(run):
        run.come_back(REST_SECONDS)
    for vm_id, tried in tried_of(run.job).items():
        name = Vm.objects.get(pk=vm_id).name
        run.log("%(name)s did not come back. %(why)s", name=name, why=tried.why[0] % tried.why[1])


# --- cancelled


def _stop(run: Run) -> None:
    """Undo: no more moves. What has moved stays where it is, and the host as it is: in maintenance or not."""
    if stop_children(run.job):
        run.come_back(REST_SECONDS)


_DOWN = (Seen.OFF, Seen.CRASHED)
EMPTY = {
    "host.empty_begin": Step("Look what runs there", _begin_to_empty),
    "host.empty_move": Step("Move its machines away", _move_away, _stop),
    "host.empty_rest": Step("See to those that cannot move", _settle_rest, _stop),
}
FILL = {
    "host.fill_begin": Step("Look what was moved away", _begin),
    "host.fill_move": Step("Bring its machines back", _bring_back, _stop),
    "host.fill_start": Step("Start those that were shut down", _start_again, _stop),
}
