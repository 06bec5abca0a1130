"""What somebody may mean by a few words typed anywhere: machines, hosts, projects; and verbs on machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.projects import Project
from vrabec.services.lists import VmList, VmQuery, list_vms
from vrabec.services.permissions import rights
from vrabec.services.places import host_names
from vrabec.services.projects import list_projects
from vrabec.services.verbs import Refusal, allowed_verbs
from vrabec.services.vm_bulk import Selection, choose_many, refusals

MOST = 6
"""Of each kind; who means another one types more."""


@dataclass(frozen=True)
class Found:
    """What the words may mean. `verbs` are those that the first machine takes now."""

    vms: VmList
    verbs: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    projects: tuple[Project, ...] = ()


@dataclass(frozen=True)
class Aimed:
    """Machines that a verb may be meant for, and why some of them refuse it."""

    vms: VmList
    refused: Mapping[int, Refusal] = field(default_factory=dict)


def find(actor: Actor, text: str) -> Found:
    """Machines, hosts and projects whose names hold `text`; a machine of just this name stands first."""
    vms = _machines(actor, text)
    first = vms.rows[0] if vms.rows else None
    verbs = allowed_verbs(rights(actor, [first]), first, busy=first.pk in vms.jobs) if first else ()
    wanted = text.lower()
    hosts = tuple(name for name in host_names(actor) if wanted in name.lower())[:MOST]
    projects = tuple(
        project
        for project in list_projects(actor)
        if wanted in project.name.lower() or wanted in project.title.lower()
    )
    return Found(vms, verbs, hosts, projects[:MOST])


def aim(actor: Actor, verb: str, text: str) -> Aimed:
    """Machines that `verb` may be meant for; those that take it now stand first."""
    vms = _machines(actor, text)
    if not vms.rows:
        return Aimed(vms)
    chosen = choose_many(actor, Selection(tuple(vm.pk for vm in vms.rows)))
    refused = refusals(actor, chosen, verb)
    rows = sorted(vms.rows, key=lambda vm: vm.pk in refused)
    return Aimed(VmList(rows, vms.total, vms.jobs), refused)


def _machines(actor: Actor, text: str) -> VmList:
    """The one of just this name first, then those that begin so. A search that is half typed finds none."""
    try:
        found = list_vms(actor, VmQuery(search=text, sort="name", per_page=MOST))
    except Invalid:
        return VmList([], 0)
    exact = list_vms(actor, VmQuery(name=text, sort="name", per_page=MOST)) if text else VmList([], 0)
    rows = list(
        {
            vm.pk: vm
            for vm in [*exact.rows, *sorted(found.rows, key=lambda vm: not vm.name.startswith(text))]
        }.values()
    )
    return VmList(rows[:MOST], found.total, found.jobs | exact.jobs)
