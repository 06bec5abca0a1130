"""Projects: what machines belong to."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import render
from vrabec.lib.errors import Conflict, Invalid
from vrabec.services.permissions import may
from vrabec.services.projects import create_project, list_projects


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


def _list(
    request: PageRequest, typed: dict[str, str] | None = None, error: Invalid | Conflict | None = None
) -> HttpResponse:
    present = Count("vms", filter=Q(vms__deleted_at=None))
    context = {
        "rows": list_projects(request.actor).annotate(vm_count=present),
        "may_create": may(request.actor, "project.create"),
        "typed": typed or {"name": "", "title": ""},
        "problems": problems_of(error) if error else {},
    }
    return render(request, "projects/list.html", context, status=error.status if error else 200)
