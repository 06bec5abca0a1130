"""Projects: what machines belong to."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import ask, problems_of
from vrabec.frontends.web.grants import Filled, cards, give_to
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.quotas import bars_of
from vrabec.frontends.web.words import role_title
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Invalid, VrabecError
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.access import own_grants
from vrabec.services.leases import rules_of
from vrabec.services.permissions import may, require, rights
from vrabec.services.project_edit import change_project, contents_of, remove_project
from vrabec.services.projects import create_project, get_project, list_projects
from vrabec.services.quotas import budget_of
from vrabec.services.roles import list_roles

MAX_TYPED = 1000


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


@page("project.change", methods=("GET", "POST"))
def change(request: PageRequest, name: str) -> HttpResponse:
    """Its title."""
    project = get_project(request.actor, name=name)
    require(request.actor, "project.change", project)
    if request.method == "GET":
        return _ask(request, "change", project, project.title)
    typed = request.POST.get("title", "")[:MAX_TYPED].strip()
    try:
        change_project(request.actor, project=project, title=typed)
    except Invalid as error:
        return _ask(request, "change", project, typed, error)
    return see_other(request, reverse("project", args=[name]))


@page("project.remove", methods=("GET", "POST"))
def remove(request: PageRequest, name: str) -> HttpResponse:
    """Say what lies in it and what goes with it, and ask for the name; then remove it."""
    project = get_project(request.actor, name=name)
    require(request.actor, "project.remove", project)
    typed = request.POST.get("name", "")[:MAX_TYPED].strip()
    if request.method == "GET":
        return _ask(request, "remove", project, typed)
    try:
        if typed != name:
            raise Invalid("This is not the name of the project: %(name)s.", field="name", name=name)
        remove_project(request.actor, project=project)
    except (Invalid, Conflict) as error:
        return _ask(request, "remove", project, typed, error)
    messages.success(request, gettext("The project %(name)s is removed.") % {"name": name})
    return see_other(request, reverse("projects"))


def _ask(
    request: PageRequest, form: str, project: Project, typed: str, error: VrabecError | None = None
) -> HttpResponse:
    context = {"project": project, "title": project.shown_name, "typed": typed}
    if form == "remove":
        context["contents"] = contents_of(request.actor, project)
    return ask(request, f"projects/{form}.html", context, error)


def _show(request: PageRequest, project: Project, form: Filled | None = None) -> HttpResponse:
    found = rights(request.actor, [project])
    shares = found.may("project.share", project)
    context = {
        "project": project,
        "shares": shares,
        "creates": found.may("vm.create", project),
        "changes": found.may("project.change", project),
        "removes": found.may("project.remove", project),
        "own": _own(request.actor, project),
        "lease": rules_of(project),
        "leases": found.may("project.lease", project),
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
