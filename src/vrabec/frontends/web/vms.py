"""Machines: the list and one machine. Making one: vm_new.py. What can be done to it: vm_verbs.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpResponse, JsonResponse, QueryDict

from vrabec.frontends.web.access import PageRequest, is_fragment, page
from vrabec.frontends.web.activity import lines
from vrabec.frontends.web.chips import Chip, chips_of
from vrabec.frontends.web.columns import Choice, address_of, columns_of
from vrabec.frontends.web.drawer import MAX_ROWS
from vrabec.frontends.web.history import history_of
from vrabec.frontends.web.leases import lease_on, may_extend
from vrabec.frontends.web.pages import fragment, render
from vrabec.frontends.web.paging import Pager, page_number, paged
from vrabec.frontends.web.per_page import per_page_of
from vrabec.frontends.web.rows import VmRow, vm_row
from vrabec.frontends.web.spark import Spark, spark_of
from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models.hosts import HostState
from vrabec.models.vms import Vm
from vrabec.services import vms
from vrabec.services.activity import vm_activity, without_dones
from vrabec.services.cells import active_jobs, job_cell, vm_cells
from vrabec.services.history import cpu_lines
from vrabec.services.jobs import open_jobs
from vrabec.services.lists import PER_PAGE, SORTS, Page, VmQuery, is_all, page_of, without_each
from vrabec.services.permissions import may, may_somewhere, rights
from vrabec.services.screens import has_screen
from vrabec.services.search import STATES
from vrabec.services.states import starts_with_host
from vrabec.services.verbs import allowed_verbs
from vrabec.services.views import few_views
from vrabec.services.vm_bulk import MAX_MACHINES
from vrabec.services.vm_rows import Listed, listed
from vrabec.services.whereabouts import twins_of

MAX_SEARCH = 200
MAX_CELLS = 500
RECENT = 6
_MENU_VIEWS = 20
_DESCENDING = ("cpu", "memory")


@dataclass(frozen=True)
class WayOut:
    """A condition that can be dropped, and how many machines there are without it."""

    name: str
    shown: str
    count: int


@page("vm.list")
def index(request: PageRequest) -> HttpResponse:
    """The list; for htmx only what is below its head."""
    query = replace(query_of(request.GET), per_page=per_page_of(request))
    found, wrong = _found(request.actor, query)
    pager = Pager(query.page, found.total, query.per_page)
    if pager.number > pager.pages:
        query = replace(query, page=pager.pages)
        found, pager = page_of(request.actor, query), replace(pager, number=pager.pages)
    hosts = may(request.actor, "host.view")
    columns = columns_of(request, with_hosts=hosts)
    chips = chips_of(request.actor, query, with_hosts=hosts)
    until = now().timestamp()
    context = {
        "rows": _rows(request.actor, listed(found.ids), columns, until),
        "until": int(until),
        "pager": pager,
        "seen_vms": found.total if is_all(query) else None,
        "wanted": query,
        "wrong": wrong,
        "with_hosts": hosts,
        "descending": _DESCENDING,
        "may_create": may_somewhere(request.actor, "vm.create"),
        "may_pick": may_somewhere(request.actor, "vm.start"),
        "max_chosen": MAX_MACHINES,
        "chips": chips,
        "ways_out": [] if found.total or wrong else _ways_out(request.actor, query, chips),
        "PER_PAGE": PER_PAGE,
        "columns": columns,
        "shown": tuple(column for column in columns if column.on),
        "views": tuple((view.name, address_of(view)) for view in few_views(request.actor, _MENU_VIEWS)),
    }
    if is_fragment(request) and request.headers.get("HX-Target") == "list":
        return fragment(request, "vms/part.html", context)
    return render(request, "vms/list.html", context)


def _rows(
    actor: Actor, machines: list[Listed], columns: list[Choice], until: float
) -> tuple[tuple[VmRow, Spark | None], ...]:
    """Each row, and the line of its CPU up to `until` (Unix) where that column is on show."""
    hosts = may(actor, "host.view")
    jobs = active_jobs(vm.pk for vm in machines if vm.has_job)
    on_show = any(column.key == "cpu" and column.on for column in columns)
    lines = cpu_lines(actor, [vm for vm in machines if on_show and vm.load_at], until=until)
    sparks = {vm_id: spark_of(line) for vm_id, line in lines.items()}
    return tuple((vm_row(vm, jobs.get(vm.pk), with_host=hosts), sparks.get(vm.pk)) for vm in machines)


def _found(actor: Actor, query: VmQuery) -> tuple[Page, Invalid | None]:
    """What is listed; nothing and why where the search asks what there is not: it may be half typed."""
    try:
        return page_of(actor, query), None
    except Invalid as error:
        return Page([], 0), error


def _ways_out(actor: Actor, query: VmQuery, chips: tuple[Chip, ...]) -> list[WayOut]:
    """What to drop where nothing is found."""
    words = {chip.name: f"{chip.title}: {chip.shown}" for chip in chips} | {"search": query.search}
    found = without_each(actor, query)
    return [WayOut("q" if name == "search" else name, words[name], count) for name, count in found.items()]


@page("vm.view")
def show(request: PageRequest, vm_id: int) -> HttpResponse:
    """One machine."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    context = about(request.actor, vm)
    context["starts_with_host"] = starts_with_host(vm)
    context["has_screen"] = has_screen(vm) and context["may_screen"]
    names = may(request.actor, "host.view")
    context["bound_to"] = sorted(host.name for host in vm.pinned_to.all()) if names else []
    context |= history_of(request.actor, vm, request)
    context["lines"] = lines(request.actor, without_dones(vm_activity(request.actor, vm=vm))[:RECENT])
    return render(request, "vms/overview.html", context)


@page("vm.list")
def actions(request: PageRequest, vm_id: int) -> HttpResponse:
    """The buttons and where it is, asked for when the machine's state has changed; none once it is gone.

    The last change and the end may be so near that the question comes too late: that is no error to show.
    """
    try:
        vm = vms.get_vm(request.actor, vm_id=vm_id)
    except NotFound:
        return HttpResponse()
    return fragment(request, "vms/changed.html", about(request.actor, vm))


@page("vm.view")
def activity(request: PageRequest, vm_id: int) -> HttpResponse:
    """What happened to one machine."""
    vm = vms.get_vm(request.actor, vm_id=vm_id)
    found, pager = paged(request, without_dones(vm_activity(request.actor, vm=vm)))
    context = about(request.actor, vm) | {"lines": lines(request.actor, found), "pager": pager}
    return render(request, "vms/activity.html", context)


@page("vm.list")
def cells(request: PageRequest) -> HttpResponse:
    """Cells of the machines on show and of the open jobs, as the event stream would send them."""
    asked = {int(part) for part in request.GET.get("vm", "").split(",")[:MAX_CELLS] if _is_id(part)}
    seen = set(Vm.objects.visible_to(request.actor).filter(pk__in=asked).values_list("pk", flat=True))
    said = {
        "vm": [cell for _, cell in vm_cells(seen)],
        "gone": sorted(asked - seen),
        "job": [job_cell(job) for job in open_jobs(request.actor)[:MAX_ROWS]],
    }
    return JsonResponse(said)


def about(actor: Actor, vm: Vm) -> dict[str, Any]:
    """What header and tabs of a machine need."""
    job = active_jobs([vm.pk]).get(vm.pk)
    hosts = may(actor, "host.view")
    [machine] = listed([vm.pk])
    row = vm_row(machine, job, with_host=hosts)
    silent = vm.host is not None and vm.host.state == HostState.UNREACHABLE
    found = rights(actor, [vm])
    verbs = allowed_verbs(found, vm, busy=job is not None)
    return {
        "vm": vm,
        "row": row,
        "verbs": verbs,
        "edits": found.may("vm.describe", vm),
        "adopts": may(actor, "vm.adopt"),
        "silent": silent,
        "with_hosts": hosts,
        "twins": twins_of([vm])[vm.pk],
        "may_console": found.may("vm.console", vm),
        "may_xml": found.may("vm.xml", vm),
        "may_screen": found.may("vm.screen", vm),
        "may_share": found.may("vm.share", vm),
        "may_extend": may_extend(found, vm),
        "lease": lease_on(vm),
    }


def query_of(given: QueryDict) -> VmQuery:
    """What an address asks for; what it asks wrongly is left out, so that an old bookmark still opens."""
    state, sort = given.get("state", ""), given.get("sort", "")
    return VmQuery(
        search=given.get("q", "").strip()[:MAX_SEARCH],
        state=state if state in STATES else "",
        host=given.get("host", "")[:MAX_SEARCH],
        project=given.get("project", "")[:MAX_SEARCH],
        tag=given.get("tag", "")[:MAX_SEARCH],
        sort=sort if sort in SORTS else "state",
        page=page_number(given),
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
