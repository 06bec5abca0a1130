"""Templates: what machines are made from. Networks: what they are put on. Each for all projects or some."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.pages import fragment, render
from vrabec.lib.errors import Invalid
from vrabec.models.jobs import Job
from vrabec.services import networks, templates
from vrabec.services.permissions import may, require
from vrabec.services.projects import project_names

MAX_TYPED = 20_000
MAX_OFFERED = 200


@page("template.list")
def index(request: PageRequest) -> HttpResponse:
    """All templates, with the job that builds one, and what can be built."""
    rows = list(templates.list_templates(request.actor))
    active = Job.objects.visible_to(request.actor).active().filter(template__in=rows)
    context = {
        "rows": rows,
        "building": {job.template_id: job for job in active},
        "offers": list(templates.offers()) if may(request.actor, "template.build") else [],
        "may_share": may(request.actor, "template.share"),
    }
    return render(request, "templates/list.html", context)


@page("template.build", methods=("POST",))
def build(request: PageRequest) -> HttpResponse:
    """Queue building one."""
    sent = request.POST
    templates.build_template(request.actor, builder=sent.get("builder", ""), suite=sent.get("suite", ""))
    if is_fragment(request):
        return fragment(request, "parts/flash.html", {"flashes": []})
    return see_other(request, reverse("templates"))


@page("template.share", methods=("GET", "POST"))
def share(request: PageRequest, template: str) -> HttpResponse:
    """For which projects a template is."""
    require(request.actor, "template.share")
    row = templates.get_template(request.actor, name=template)
    now_for = [project.name for project in row.projects.all()]
    write = partial(templates.share_template, request.actor, name=template)
    return _share(request, row.title, now_for, write, back="templates")


@page("network.list")
def networks_index(request: PageRequest) -> HttpResponse:
    """All networks."""
    context = {
        "rows": networks.list_networks(request.actor),
        "may_share": may(request.actor, "network.share"),
        "shows_hosts": may(request.actor, "host.list"),
    }
    return render(request, "templates/networks.html", context)


@page("network.share", methods=("GET", "POST"))
def share_network(request: PageRequest, network: str) -> HttpResponse:
    """For which projects a network is."""
    require(request.actor, "network.share")
    now_for = list(networks.get_network(request.actor, name=network).projects)
    write = partial(networks.share_network, request.actor, name=network)
    return _share(request, network, now_for, write, back="networks")


def _share(
    request: PageRequest, title: str, now_for: list[str], write: Callable[..., object], *, back: str
) -> HttpResponse:
    """The form, or what was typed in it."""
    context: dict[str, Any] = {"title": title, "back": reverse(back), "action": request.path}
    context["known"] = [project.name for project in project_names(request.actor, MAX_OFFERED)]
    if request.method == "GET":
        return ask(request, "templates/share.html", context | {"typed": " ".join(now_for)})
    typed = request.POST.get("projects", "")[:MAX_TYPED]
    try:
        write(projects=typed.replace(",", " ").split())
    except Invalid as error:
        return ask(request, "templates/share.html", context | {"typed": typed}, error)
    return see_other(request, reverse(back))
