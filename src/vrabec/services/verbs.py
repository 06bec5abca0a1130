"""The verbs on machines: in which states each is allowed, what is said in the others. One table for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, VrabecError, WrongState
from vrabec.models.hosts import HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.permissions import Rights, refused, rights
from vrabec.services.queue import in_the_way, queue_vm_job
from vrabec.services.record import record
from vrabec.services.whereabouts import running_twins


@dataclass(frozen=True)
class Verb:
    """One verb: the states it is allowed in, and what it makes of the wish (None: it stays).

    `managed_only`: refused for machines that were found on their host. `notes` is what the job must know of
    the machine as it was.
    """

    states: tuple[Seen, ...]
    wish: Wished | None = None
    managed_only: bool = False
    notes: Callable[[Vm], dict[str, Any]] = lambda vm: {}


Clause = tuple[str, str]
"""What is said of several machines at once: message ids with `n`, for one and for more."""


@dataclass(frozen=True)
class Known:
    """What decides about a machine beside its own row: the actor's rights, a job that copies it, one on it.

    `has_running_twin`: a machine with its UUID runs on another host.
    """

    rights: Rights
    copying: Job | None = None
    working: Job | None = None
    has_running_twin: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why not: the error that one machine gives, and what is said of several."""

    error: VrabecError
    clause: Clause


def _was(vm: Vm) -> dict[str, Any]:
    return {"was_wished": vm.wished}


VERBS: dict[str, Verb] = {
    "start": Verb((Seen.OFF, Seen.HIBERNATED, Seen.CRASHED), Wished.ON),
    "resume": Verb((Seen.PAUSED,)),
    "shutdown": Verb((Seen.RUNNING,), Wished.OFF),
    "reboot": Verb((Seen.RUNNING,)),
    "pause": Verb((Seen.RUNNING,)),
    "send_keys": Verb((Seen.RUNNING,)),
    "hibernate": Verb((Seen.RUNNING,), Wished.OFF, notes=_was),
    "reset": Verb((Seen.RUNNING,)),
    "migrate": Verb((Seen.RUNNING,), notes=lambda vm: {"source": vm.host_id, "was_ready": vm.is_ready}),
    "power_off": Verb((Seen.RUNNING, Seen.PAUSED, Seen.HIBERNATED, Seen.CRASHED), Wished.OFF),
    "rename": Verb((Seen.OFF,), managed_only=True),
    "resize": Verb((Seen.OFF, Seen.RUNNING, Seen.PAUSED), managed_only=True),
    "clone": Verb((Seen.OFF,), managed_only=True),
    "delete": Verb(
        (Seen.OFF, Seen.RUNNING, Seen.PAUSED, Seen.HIBERNATED, Seen.CRASHED, Seen.PENDING),
        Wished.OFF,
        managed_only=True,
        notes=lambda vm: _was(vm) | {"was_running": vm.seen == Seen.RUNNING},
    ),
}
RUNS = ("start", "resume")
"""Verbs that let a machine run which does not."""
_REFUSALS = {
    Seen.PENDING: "%(name)s does not exist yet.",
    Seen.UNKNOWN: "The state of %(name)s is unknown: its host does not answer.",
    Seen.RUNNING: "%(name)s runs already.",
    Seen.PAUSED: "%(name)s is paused: resume it first.",
    Seen.HIBERNATED: "%(name)s is hibernated: start it first.",
    Seen.OFF: "%(name)s is off.",
    Seen.CRASHED: "%(name)s has crashed: start it again.",
}
_SPECIAL_REFUSALS = {
    ("start", Seen.PAUSED): "%(name)s is paused: resume it instead.",
    ("pause", Seen.PAUSED): "%(name)s is paused already.",
    ("rename", Seen.RUNNING): "%(name)s runs: shut it down first. A running machine keeps its name.",
    ("rename", Seen.PAUSED): "%(name)s is paused: switch it off first. A running machine keeps its name.",
    ("clone", Seen.RUNNING): "%(name)s runs: shut it down first. It is copied while it is off.",
    ("clone", Seen.PAUSED): "%(name)s is paused: switch it off first. It is copied while it is off.",
    ("rename", Seen.HIBERNATED): "%(name)s is hibernated: start it and shut it down first.",
    ("clone", Seen.HIBERNATED): "%(name)s is hibernated: start it and shut it down first.",
    ("resize", Seen.HIBERNATED): "%(name)s is hibernated with the size it has: start it first.",
    ("hibernate", Seen.HIBERNATED): "%(name)s is hibernated already.",
    ("power_off", Seen.OFF): "%(name)s is off already.",
    ("shutdown", Seen.CRASHED): "%(name)s has crashed and cannot shut down: power it off, or start it again.",
}
_CLAUSES: dict[Seen, Clause] = {
    Seen.PENDING: ("%(n)s does not exist yet", "%(n)s do not exist yet"),
    Seen.UNKNOWN: ("the state of %(n)s is unknown", "the states of %(n)s are unknown"),
    Seen.RUNNING: ("%(n)s runs already", "%(n)s run already"),
    Seen.PAUSED: ("%(n)s is paused", "%(n)s are paused"),
    Seen.HIBERNATED: ("%(n)s is hibernated", "%(n)s are hibernated"),
    Seen.OFF: ("%(n)s is off", "%(n)s are off"),
    Seen.CRASHED: ("%(n)s has crashed", "%(n)s have crashed"),
}
NOT_OURS = "%(name)s was not made by Vrabec: do this on its host."
TWIN = "%(name)s runs on another host: a machine with its UUID does. Remove the one that should not be there."
LEASE_OVER = "The lease of %(name)s ended on %(day)s: extend it, then it can run again."
SILENT = "The host of %(name)s does not answer; wait until it does."
_COPYING = "%(name)s is being copied: job %(job_id)s. Wait for it or cancel it."
_SILENT_CLAUSE = ("the host of %(n)s does not answer", "the hosts of %(n)s do not answer")
_LEASE_CLAUSE = ("the lease of %(n)s has ended", "the leases of %(n)s have ended")
NOT_OURS_CLAUSE = ("%(n)s was not made by Vrabec", "%(n)s were not made by Vrabec")
_TWIN_CLAUSE = ("%(n)s runs on another host", "%(n)s run on other hosts")
_COPYING_CLAUSE = ("%(n)s is being copied", "%(n)s are being copied")
FORBIDDEN = ("%(n)s is not yours to change", "%(n)s are not yours to change")
BUSY = ("another job works on %(n)s", "other jobs work on %(n)s")


def refusal(verb: str, seen: Seen) -> str:
    """What is said when `verb` is asked in this state (a message id with `name`); "" when it is allowed."""
    if seen in VERBS[verb].states:
        return ""
    return _SPECIAL_REFUSALS.get((verb, seen), _REFUSALS[seen])


def require_verb(actor: Actor, vm: Vm, verb: str) -> None:
    """Raise Forbidden, WrongState, or Conflict while it is copied, when `actor` may not do `verb` now."""
    has_running_twin = verb in RUNS and vm.pk in running_twins([vm])
    known = Known(rights(actor, [vm]), copies_of([vm.pk]).get(vm.pk), has_running_twin=has_running_twin)
    if refused_now := why_not(actor, vm, verb, known):
        raise refused_now.error


def why_not(actor: Actor, vm: Vm, verb: str, known: Known) -> Refusal | None:
    """Why `actor` may not do `verb` to `vm` now, if so: no query."""
    if not known.rights.may(f"vm.{verb}", vm):
        return Refusal(refused(actor, f"vm.{verb}"), FORBIDDEN)
    if not host_answers(vm):
        return Refusal(WrongState(SILENT, name=vm.name), _SILENT_CLAUSE)
    if said := refusal(verb, Seen(vm.seen)):
        return Refusal(WrongState(said, name=vm.name), _CLAUSES[Seen(vm.seen)])
    if VERBS[verb].managed_only and not vm.is_managed:
        return Refusal(WrongState(NOT_OURS, name=vm.name), NOT_OURS_CLAUSE)
    if verb in RUNS and vm.is_lease_over:
        return Refusal(lease_over(vm), _LEASE_CLAUSE)
    return _held(vm, verb, known)


def lease_over(vm: Vm) -> WrongState:
    """What is said of a machine whose lease has ended to who wants it to run."""
    ended = f"{vm.lease_ends_at:%-d %b %Y}" if vm.lease_ends_at else ""
    return WrongState(LEASE_OVER, name=vm.name, day=ended)


def _held(vm: Vm, verb: str, known: Known) -> Refusal | None:
    """By what goes on elsewhere: its twin runs, it is copied, a job works on it."""
    if known.has_running_twin and verb in RUNS:
        return Refusal(Conflict(TWIN, name=vm.name), _TWIN_CLAUSE)
    if known.copying and verb != "clone":
        return Refusal(Conflict(_COPYING, name=vm.name, job_id=known.copying.pk), _COPYING_CLAUSE)
    return Refusal(in_the_way(vm.name, known.working), BUSY) if known.working else None


def copies_of(vm_ids: Iterable[int]) -> dict[int, Job]:
    """The active job that copies each machine that is copied: one query.

    It is the copy's own job, so that it does not keep others away from the machine by itself.
    """
    copying = Job.objects.active().filter(kind="vm.clone", args__source__in=list(vm_ids))
    return {job.args["source"]: job for job in copying}


def require_answer(vm: Vm) -> None:
    """Raise WrongState while the machine's host does not answer."""
    if not host_answers(vm):
        raise WrongState(SILENT, name=vm.name)


def allowed_verbs(found: Rights, vm: Vm, *, busy: bool = False) -> tuple[str, ...]:
    """The verbs that the machine's state and the actor's rights allow now, in the table's order."""
    if busy or not host_answers(vm):
        return ()
    return tuple(
        name
        for name, verb in VERBS.items()
        if vm.seen in verb.states
        and (vm.is_managed or not verb.managed_only)
        and not (name in RUNS and vm.is_lease_over)
        and found.may(f"vm.{name}", vm)
    )


def queue_verb(actor: Actor, verb: str, vm: Vm, **args: Any) -> Job:
    """Queue the job of `verb` with its line in the record, and wish what it wishes. Raises Conflict."""
    job = queue_vm_job(actor, f"vm.{verb}", vm, **VERBS[verb].notes(vm), **args)
    wish = VERBS[verb].wish
    if vm.is_managed and wish is not None:
        Vm.objects.filter(pk=vm.pk).update(wished=wish)
    record(actor, f"vm.{verb}", of=vm, job=job, **_told(vm, args))
    return job


def _told(vm: Vm, args: dict[str, Any]) -> dict[str, Any]:
    """What of a job's arguments the record keeps: where from and to, and how."""
    before = {"before": vm.host.name} if "to" in args and vm.host else {}
    return before | {name: args[name] for name in ("to", "if_too_fast") if name in args}


def host_answers(vm: Vm) -> bool:
    """Whether the machine's host can be asked for anything."""
    return vm.host is not None and vm.host.state == HostState.ONLINE
