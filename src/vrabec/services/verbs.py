"""The verbs on machines: in which states each is allowed, what is said in the others. One table for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, WrongState
from vrabec.models.hosts import HostState
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm, Wished
from vrabec.services.permissions import ACTIONS, level_of, require
from vrabec.services.queue import queue_vm_job
from vrabec.services.record import record


@dataclass(frozen=True)
class Verb:
    """One verb: the states it is allowed in, and what it makes of the wish (None: it stays).

    `managed_only`: refused for machines that were found on their host.
    """

    states: tuple[Seen, ...]
    wish: Wished | None = None
    managed_only: bool = False


VERBS: dict[str, Verb] = {
    "start": Verb((Seen.OFF, Seen.HIBERNATED, Seen.CRASHED), Wished.ON),
    "resume": Verb((Seen.PAUSED,)),
    "shutdown": Verb((Seen.RUNNING,), Wished.OFF),
    "reboot": Verb((Seen.RUNNING,)),
    "pause": Verb((Seen.RUNNING,)),
    "send_keys": Verb((Seen.RUNNING,)),
    "hibernate": Verb((Seen.RUNNING,), Wished.OFF),
    "reset": Verb((Seen.RUNNING,)),
    "power_off": Verb((Seen.RUNNING, Seen.PAUSED, Seen.HIBERNATED, Seen.CRASHED), Wished.OFF),
    "rename": Verb((Seen.OFF,), managed_only=True),
    "resize": Verb((Seen.OFF, Seen.RUNNING, Seen.PAUSED), managed_only=True),
    "clone": Verb((Seen.OFF,), managed_only=True),
    "delete": Verb(
        (Seen.OFF, Seen.RUNNING, Seen.PAUSED, Seen.HIBERNATED, Seen.CRASHED, Seen.PENDING),
        Wished.OFF,
        managed_only=True,
    ),
}
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
NOT_OURS = "%(name)s was not made by Vrabec: do this on its host."
SILENT = "The host of %(name)s does not answer; wait until it does."


def refusal(verb: str, seen: Seen) -> str:
    """What is said when `verb` is asked in this state (a message id with `name`); "" when it is allowed."""
    if seen in VERBS[verb].states:
        return ""
    return _SPECIAL_REFUSALS.get((verb, seen), _REFUSALS[seen])


def require_verb(actor: Actor, vm: Vm, verb: str) -> None:
    """Raise Forbidden or WrongState when `actor` may not do `verb` to `vm` now."""
    require(actor, f"vm.{verb}", vm.project_id)
    require_answer(vm)
    if said := refusal(verb, Seen(vm.seen)):
        raise WrongState(said, name=vm.name)
    if VERBS[verb].managed_only and not vm.is_managed:
        raise WrongState(NOT_OURS, name=vm.name)
    if verb != "clone":
        _require_not_copied(vm)


def _require_not_copied(vm: Vm) -> None:
    """A job that copies the machine is the copy's own, so that it does not keep others away by itself."""
    if job := Job.objects.active().filter(kind="vm.clone", args__source=vm.pk).first():
        raise Conflict(
            "%(name)s is being copied: job %(job_id)s. Wait for it or cancel it.", name=vm.name, job_id=job.pk
        )


def require_answer(vm: Vm) -> None:
    """Raise WrongState while the machine's host does not answer."""
    if not host_answers(vm):
        raise WrongState(SILENT, name=vm.name)


def allowed_verbs(actor: Actor, vm: Vm, *, busy: bool = False) -> tuple[str, ...]:
    """The verbs that the machine's state and the actor's rights allow now, in the table's order."""
    if busy or not host_answers(vm):
        return ()
    level = level_of(actor, vm.project_id)
    return tuple(
        name
        for name, verb in VERBS.items()
        if vm.seen in verb.states
        and (vm.is_managed or not verb.managed_only)
        and level >= ACTIONS[f"vm.{name}"]
    )


def queue_verb(actor: Actor, verb: str, vm: Vm, **args: Any) -> Job:
    """Queue the job of `verb` with its line in the record, and wish what it wishes. Raises Conflict."""
    job = queue_vm_job(actor, f"vm.{verb}", vm, **args)
    wish = VERBS[verb].wish
    if vm.is_managed and wish is not None:
        Vm.objects.filter(pk=vm.pk).update(wished=wish)
    record(actor, f"vm.{verb}", of=vm, job=job)
    return job


def host_answers(vm: Vm) -> bool:
    """Whether the machine's host can be asked for anything."""
    return vm.host is not None and vm.host.state == HostState.ONLINE
