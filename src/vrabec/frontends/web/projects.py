"""Projects: what machines belong to."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.grants import Filled, cards, give_to
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.quotas import bars_of
from vrabec.frontends.web.words import role_title
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.access import own_grants
from vrabec.services.leases import rules_of
from vrabec.services.permissions import may
from vrabec.services.projects import create_project, get_project, list_projects
from vrabec.services.quotas import budget_of
from vrabec.services.roles import list_roles


@page("project.list")
def index(request: PageRequest) -> HttpResponse:
    """The projects one sees."""
    return _list(request)


@page("project.create", methods=("POST",))
def create(request: PageRequest) -> HttpResponse:
    """Make one."""
    name, title = request.POST.get("name", "").strip(), request.POST.get("title", "").strip()
    try:
        create_project(request.actor, name=name, title=title)
    except (Invalid, Conflict) as error:
        return _list(request, {"name": name, "title": title}, error)
    messages.success(request, gettext("The project %(name)s is there.") % {"name": name})
    return see_other(request, reverse("projects"))


@page("project.view")
def show(request: PageRequest, name: str) -> HttpResponse:
    """One project: its machines by number, and who may do what in it."""
    return _show(request, get_project(request.actor, name=name))


@page("project.share", methods=("POST",))
def give(request: PageRequest, name: str) -> HttpResponse:
    """Give a role in it."""
    project = get_project(request.actor, name=name)
    form = give_to(request, project)
    if form.problems:
        return _show(request, project, form)
    return see_other(request, reverse("project", args=[name]))


def _show(request: PageRequest, project: Project, form: Filled | None = None) -> HttpResponse:
    shares = may(request.actor, "project.share", project)
    context = {
        "project": project,
        "shares": shares,
        "creates": may(request.actor, "vm.create", project),
        "own": _own(request.actor, project),
        "lease": rules_of(project),
        "leases": may(request.actor, "project.lease", project),
        "quotas": bars_of([budget_of(project)], request.person.username),
        **_counts(request.actor, project),
        **(cards(request, project, form) if shares else {}),
    }
    return render(request, "projects/object.html", context, status=form.status if form else 200)


def _own(actor: Actor, project: Project) -> list[tuple[int, str]]:
    """The roles that one was given by name, which one may give up."""
    titles = {role.name: role_title(role) for role in list_roles(actor)}
    return [(row.pk, titles.get(row.role, row.role)) for row in own_grants(actor, scope=project)]


def _counts(actor: Actor, project: Project) -> dict[str, int]:
    """How many machines one sees in it, and how many of them run."""
    rows = Vm.objects.visible_to(actor).filter(project=project, deleted_at=None)
    return rows.aggregate(vm_count=Count("pk"), running=Count("pk", filter=Q(seen=Seen.RUNNING)))


def _list(
    request: PageRequest, typed: dict[str, str] | None = None, error: Invalid | Conflict | None = None
) -> HttpResponse:
    present = Count("vms", filter=Q(vms__in=Vm.objects.visible_to(request.actor)))
    context = {
        "rows": list_projects(request.actor).annotate(vm_count=present),
        "may_create": may(request.actor, "project.create"),
        "typed": typed or {"name": "", "title": ""},
        "problems": problems_of(error) if error else {},
    }
    return render(request, "projects/list.html", context, status=error.status if error else 200)
