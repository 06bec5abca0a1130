"""One verb on many machines: each its own job and its own line in the record; those refused say why.

What decides is asked once for all of them, so that only the jobs themselves cost queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, NoCapacity, NotFound, QuotaExceeded, VrabecError
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services.cells import active_jobs
from vrabec.services.lease_bulk import check_wish, why_not_longer
from vrabec.services.leases import LeaseWish, end_of, write_end
from vrabec.services.lists import VmQuery, found_vms
from vrabec.services.permissions import refused, require, rights
from vrabec.services.placement import Starts, take_lock
from vrabec.services.quotas import Purse, payers_of, starting
from vrabec.services.verbs import (
    BUSY,
    FORBIDDEN,
    Clause,
    Known,
    Refusal,
    copies_of,
    queue_verb,
    why_not,
)
from vrabec.services.vm_edit import VmWords, check_tags, write_words
from vrabec.services.vms import SHUTDOWN_SECONDS, check_deadline
from vrabec.services.whereabouts import running_twins

MAX_MACHINES = 500
TAG = "tag"
EXTEND = "extend"
WORDS = {
    "start": "Start",
    "resume": "Resume",
    "shutdown": "Shut down",
    "reboot": "Restart",
    "pause": "Pause",
    "hibernate": "Hibernate",
    "reset": "Hard reset",
    "power_off": "Power off",
    EXTEND: "Extend",
    "delete": "Delete",
    TAG: "Tag",
}
"""What can be done to many machines, in the order of the bar, and its word (a message id)."""
_GONE = ("%(n)s is not there", "%(n)s are not there")
_NO_ROOM = ("the host of %(n)s cannot take it now", "the hosts of %(n)s cannot take them now")
_NO_QUOTA = ("no quota is left for %(n)s", "no quota is left for %(n)s")
_TOO_MANY_TAGS = ("%(n)s would have too many tags", "%(n)s would have too many tags")


@dataclass(frozen=True)
class Selection:
    """Machines by their ids; or, where there is a query, all that it finds."""

    ids: tuple[int, ...] = ()
    query: VmQuery | None = None


@dataclass(frozen=True)
class BulkAction:
    """What to do: a verb of WORDS.

    The deadline is a shutdown's, the tags are those of "tag", the lease is that of "extend".
    """

    verb: str
    deadline_seconds: int = SHUTDOWN_SECONDS
    then_power_off: bool = False
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    lease: LeaseWish | None = None


@dataclass(frozen=True)
class Chosen:
    """Machines and what decides about them; `gone` are ids of none that the actor sees."""

    vms: tuple[Vm, ...]
    known: Mapping[int, Known]
    gone: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """How many were meant."""
        return len(self.vms) + len(self.gone)


@dataclass(frozen=True)
class Outcome:
    """What became of one machine: `job` works on it, if it needs one, or `refusal` says why not."""

    vm_id: int
    name: str
    job: Job | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Summary:
    """How many of how many, and why not the others: clauses of verbs.py with their numbers."""

    verb: str
    done: int
    total: int
    clauses: tuple[tuple[Clause, int], ...] = ()

    @property
    def message(self) -> str:
        """In English: "Start 12 of 30: 18 run already."."""
        why = ", ".join(clause[n != 1] % {"n": n} for clause, n in self.clauses)
        return f"{WORDS[self.verb]} {self.done} of {self.total}{': ' if why else ''}{why}."


def choose_many(actor: Actor, selection: Selection) -> Chosen:
    """The machines of a selection: five queries. Raises Invalid when they are none, or too many."""
    require(actor, "vm.bulk")
    vms = _selected(actor, selection)
    ids = [vm.pk for vm in vms]
    found, copying, working = rights(actor, vms), copies_of(ids), active_jobs(ids)
    twins = running_twins(vms)
    known = {vm.pk: Known(found, copying.get(vm.pk), working.get(vm.pk), vm.pk in twins) for vm in vms}
    return Chosen(vms, known, tuple(sorted({*selection.ids} - {*ids})))


def _selected(actor: Actor, selection: Selection) -> tuple[Vm, ...]:
    if selection.query:
        rows = found_vms(actor, selection.query)
    else:
        rows = Vm.objects.visible_to(actor).filter(pk__in=selection.ids[: MAX_MACHINES + 1])
    rows = rows.select_related("host", "project", "template").order_by("name", "id")
    vms = tuple(rows[: MAX_MACHINES + 1])
    if max(len(vms), len(selection.ids)) > MAX_MACHINES:
        raise Invalid("At most %(max)s machines at once: narrow the search.", field="vms", max=MAX_MACHINES)
    if not vms and not selection.ids:
        raise Invalid("No machine is chosen.", field="vms")
    return vms


def refusals(
    actor: Actor, chosen: Chosen, verb: str, *, lease: LeaseWish | None = None
) -> dict[int, Refusal]:
    """Which of the chosen refuse `verb`, and why: no query, and three for a start.

    Without a `lease` those alone refuse to be extended that cannot be at all.
    """
    found = {pk: Refusal(NotFound("There is no machine with this id."), _GONE) for pk in chosen.gone}
    starts, purse = (Starts(), Purse()) if verb == "start" else (None, None)
    for vm in chosen.vms:
        known = chosen.known[vm.pk]
        refusal = (
            why_not_longer(actor, vm, known, lease) if verb == EXTEND else _refusal(actor, vm, verb, known)
        )
        if starts and purse and not refusal:
            refusal = _without_room(starts, purse, vm)
        if refusal:
            found[vm.pk] = refusal
    return found


def _refusal(actor: Actor, vm: Vm, verb: str, known: Known) -> Refusal | None:
    if verb != TAG:
        return why_not(actor, vm, verb, known)
    if known.rights.may("vm.describe", vm):
        return None
    return Refusal(refused(actor, "vm.describe"), FORBIDDEN)


def _without_room(starts: Starts, purse: Purse, vm: Vm) -> Refusal | None:
    try:
        purse.take(payers_of(vm), starting(vm))
        starts.take(vm)
    except QuotaExceeded as error:
        return Refusal(error, _NO_QUOTA)
    except NoCapacity as error:
        return Refusal(error, _NO_ROOM)
    return None


def summarize(verb: str, total: int, refused_ones: Iterable[Refusal]) -> Summary:
    """What a verb does, or did, to `total` machines but for the refused ones: the commonest reason first."""
    clauses = Counter(refusal.clause for refusal in refused_ones)
    return Summary(verb, total - clauses.total(), total, tuple(clauses.most_common()))


def act_on_many(actor: Actor, *, selection: Selection, action: BulkAction) -> list[Outcome]:
    """Do a verb to each machine that takes it now; the others come back with their refusal.

    Raises Invalid for an unknown verb, a wrong deadline, tag or lease, no machine or too many, and for a
    deletion by search: who deletes has seen what.
    """
    _check(action, selection)
    with transaction.atomic():
        if action.verb == "start":
            take_lock()
        chosen = choose_many(actor, selection)
        refused_ones = refusals(actor, chosen, action.verb, lease=action.lease)
        done = [_act(actor, action, vm, refused_ones.get(vm.pk)) for vm in chosen.vms]
    return done + [Outcome(pk, "", refusal=refused_ones[pk]) for pk in chosen.gone]


def _check(action: BulkAction, selection: Selection) -> None:
    if action.verb not in WORDS:
        raise Invalid("Choose one of: %(known)s.", field="action", known=", ".join(WORDS))
    if action.verb == "delete" and selection.query:
        raise Invalid("Name the machines to delete by their ids, not by a search.", field="search")
    if action.verb == TAG and not (action.tag or action.untag):
        raise Invalid("Give a tag to add or to take away.", field="tags")
    if action.verb == EXTEND:
        check_wish(action.lease)
    check_deadline(action.deadline_seconds)
    check_tags((*action.tag, *action.untag))


def _act(actor: Actor, action: BulkAction, vm: Vm, refusal: Refusal | None) -> Outcome:
    if refusal:
        return Outcome(vm.pk, vm.name, refusal=refusal)
    try:
        job = _queue(actor, action, vm)
    except (Conflict, Invalid) as error:
        return Outcome(vm.pk, vm.name, refusal=Refusal(error, _clause_of(error)))
    return Outcome(vm.pk, vm.name, job)


def _clause_of(error: VrabecError) -> Clause:
    return BUSY if isinstance(error, Conflict) else _TOO_MANY_TAGS


def _queue(actor: Actor, action: BulkAction, vm: Vm) -> Job | None:
    given: dict[str, Any] = {}
    if action.verb == TAG:
        write_words(actor, vm, VmWords(tag=action.tag, untag=action.untag))
        return None
    if action.verb == EXTEND and action.lease:
        write_end(actor, vm, end_of(action.lease))
        return None
    if action.verb == "shutdown":
        given = {"deadline_seconds": action.deadline_seconds, "then_power_off": action.then_power_off}
    return queue_verb(actor, action.verb, vm, **given)
