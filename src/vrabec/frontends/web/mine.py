"""My machines: what belongs to the reader as cards, their quota, and what others let them use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpResponse

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.drawer import JobRow, job_rows
from vrabec.frontends.web.leases import Lease, lease_on, may_extend
from vrabec.frontends.web.pages import fragment, render
from vrabec.frontends.web.quotas import bars_of
from vrabec.frontends.web.rows import VmRow, vm_row
from vrabec.lib.actor import Actor
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.cells import active_jobs
from vrabec.services.mine import mine_of, one_of_mine
from vrabec.services.permissions import Rights, may_somewhere, rights
from vrabec.services.quotas import budget_of
from vrabec.services.verbs import allowed_verbs
from vrabec.services.vm_rows import Listed, listed


@dataclass(frozen=True)
class Card:
    """One machine, and what its reader may do with it now; `making` is the job that makes it."""

    vm: Vm
    row: VmRow
    making: JobRow | None
    verbs: tuple[str, ...]
    lease: Lease | None
    has_console: bool
    may_extend: bool

    @property
    def size(self) -> str:
        """What it has: "2 CPUs, 4 GiB, 40 GiB disk"."""
        return show.size(self.vm.cpus, self.vm.memory_mib, self.vm.disk_mib)


@page("vm.list")
def index(request: PageRequest) -> HttpResponse:
    """The cards: as many queries for one machine as for fifty."""
    found = mine_of(request.actor)
    cards = _cards(request.actor, [*found.own, *found.shared])
    context: dict[str, Any] = {
        "own": cards[: len(found.own)],
        "shared": cards[len(found.own) :],
        "found": found,
        "project_count": len({vm.project_id for vm in found.own}),
        "quotas": bars_of([budget_of(request.person)], request.person.username),
        "may_create": may_somewhere(request.actor, "vm.create"),
    }
    return render(request, "mine/list.html", context)


@page("vm.list")
def card(request: PageRequest, vm_id: int) -> HttpResponse:
    """One card anew, asked for when the machine's state has changed; nothing once it is gone."""
    found = one_of_mine(request.actor, vm_id=vm_id)
    cards = _cards(request.actor, [found]) if found else []
    return fragment(request, "mine/body.html", {"card": cards[0]}) if cards else HttpResponse()


def _cards(actor: Actor, vms: list[Vm]) -> list[Card]:
    rows = {row.pk: row for row in listed([vm.pk for vm in vms])}
    jobs, found = active_jobs(rows), rights(actor, vms)
    shown = {job.vm_id: job for job in job_rows(actor, list(jobs.values()))}
    cards = (_card(vm, rows[vm.pk], jobs.get(vm.pk), found) for vm in vms if vm.pk in rows)
    return [replace(one, making=shown.get(one.vm.pk)) if _is_made(one.vm) else one for one in cards]


def _is_made(vm: Vm) -> bool:
    """Whether it is not there yet, so that there is nothing to say but how far it is."""
    return vm.seen == Seen.PENDING


def _card(vm: Vm, row: Listed, job: Job | None, found: Rights) -> Card:
    runs = vm.seen in (Seen.RUNNING, Seen.PAUSED)
    return Card(
        vm=vm,
        making=None,
        row=vm_row(row, job, with_host=False),
        verbs=allowed_verbs(found, vm, busy=job is not None),
        lease=lease_on(vm),
        has_console=runs and found.may("vm.console", vm),
        may_extend=may_extend(found, vm),
    )
